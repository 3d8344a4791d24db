-- Sessions that had work at that time.
session_id IN (SELECT session_id FROM session_facts WHERE last_time >= {since:DateTime} AND last_time < {until:DateTime})
