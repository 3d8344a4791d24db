-- Their spans, at whatever time those were; by time too, since days are parts of the table.
Timestamp >= (SELECT min(first_time) FROM session_facts WHERE session_id IN (SELECT session_id FROM session_facts WHERE last_time >= {since:DateTime} AND last_time < {until:DateTime}))
AND Timestamp <= (SELECT max(last_time) FROM session_facts WHERE session_id IN (SELECT session_id FROM session_facts WHERE last_time >= {since:DateTime} AND last_time < {until:DateTime}))
