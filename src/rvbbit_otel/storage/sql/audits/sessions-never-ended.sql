-- name: sessions-never-ended
-- kind: rule
-- title: Sessions that never ended
-- finding: These sessions started, have been silent for longer than `idle_seconds`, and did not say that they ended since they started last.
-- remedy: The process was killed, or the spec names no end of a session. Their rows are complete up to last_seen_at.
-- parameter: idle_seconds UInt32 = 3600
-- alert: over all rows, once an hour
-- parameter: since DateTime = 1970-01-01 00:00:00
-- parameter: until DateTime = 2106-01-01 00:00:00
SELECT session_id, caller_id, cascade_id, status, started_at, last_seen_at
FROM session_state
WHERE
-- include within/sessions.sql
    AND status != '' AND ended_at IS NULL AND last_seen_at >= {since:DateTime} AND last_seen_at < {until:DateTime} AND last_seen_at < now() - toIntervalSecond({idle_seconds:UInt32})
ORDER BY started_at, session_id, caller_id
