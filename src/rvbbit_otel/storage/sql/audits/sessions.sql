-- name: sessions
-- kind: report
-- title: The ten latest sessions of SQL callers
-- finding: One row for each caller of a session.
-- remedy: Nothing to do.
SELECT caller_id, session_id, status FROM session_state
WHERE caller_id LIKE 'sql-%' ORDER BY started_at DESC LIMIT 10;
