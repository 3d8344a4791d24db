-- name: cascades
-- kind: report
-- title: The ten latest cascades of SQL callers
-- finding: One row for each caller of a session that ran a cascade.
-- remedy: Nothing to do.
SELECT caller_id, session_id, cascade_id FROM cascade_sessions
WHERE caller_id LIKE 'sql-%' ORDER BY created_at DESC LIMIT 10;
