-- name: sessions-with-two-callers
-- kind: rule
-- title: Sessions whose rows name two callers
-- finding: Rows of one session are credited to different callers: one of them is wrong, or the session id was used twice.
-- remedy: Look at caller_source of the rows. `baggage` may be stale, `explicit` was set by hand; a runner that uses a session id again must end it first.
-- parameter: since DateTime = 1970-01-01 00:00:00
SELECT session_id, arraySort(groupUniqArray(16)(caller_id)) AS callers, arraySort(groupUniqArray(8)(caller_source)) AS sources, count() AS rows
FROM unified_logs
WHERE caller_id != '' AND timestamp >= {since:DateTime}
GROUP BY session_id
HAVING length(callers) > 1
ORDER BY session_id
