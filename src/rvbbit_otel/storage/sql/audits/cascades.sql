-- name: cascades
-- kind: report
-- title: The ten latest cascades
-- finding: One row for each caller of a session that ran a cascade, the latest first.
-- remedy: Nothing to do.
-- parameter: since DateTime = 1970-01-01 00:00:00
-- parameter: until DateTime = 2106-01-01 00:00:00
SELECT caller_id, session_id, cascade_id
FROM cascade_sessions
WHERE session_id IN (SELECT session_id FROM session_facts WHERE last_time >= {since:DateTime} AND first_time < {until:DateTime})
    AND created_at >= {since:DateTime} AND created_at < {until:DateTime}
ORDER BY created_at DESC, session_id, caller_id
LIMIT 10
