-- name: sessions
-- kind: report
-- title: The ten latest sessions
-- finding: One row for each caller of a session, the latest first.
-- remedy: Nothing to do.
-- parameter: since DateTime = 1970-01-01 00:00:00
-- parameter: until DateTime = 2106-01-01 00:00:00
SELECT caller_id, session_id, status
FROM session_state
WHERE
-- include within/sessions.sql
    AND last_seen_at >= {since:DateTime} AND last_seen_at < {until:DateTime}
ORDER BY started_at DESC, session_id, caller_id
LIMIT 10
