-- Their rows, at whatever time those were; by time too, since rows lie by it.
timestamp >= (SELECT min(first_time) FROM session_facts WHERE session_id IN (SELECT session_id FROM session_facts WHERE last_time >= {since:DateTime} AND last_time < {until:DateTime}))
AND timestamp <= (SELECT max(last_time) FROM session_facts WHERE session_id IN (SELECT session_id FROM session_facts WHERE last_time >= {since:DateTime} AND last_time < {until:DateTime}))
AND session_id IN (SELECT session_id FROM session_facts WHERE last_time >= {since:DateTime} AND last_time < {until:DateTime})
