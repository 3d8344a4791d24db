-- name: conflicts
-- kind: rule
-- title: Rows for which two answers differed
-- finding: Baggage or a second claim named another caller than the session's own Echo, which won.
-- remedy: The rows are right. The loser shows where stale context lives: a worker that keeps the context of whoever created it.
-- parameter: since DateTime = 1970-01-01 00:00:00
SELECT session_id, caller_id, caller_conflict, caller_source, count() AS rows, any(name) AS example
FROM unified_logs
WHERE caller_conflict != '' AND timestamp >= {since:DateTime}
GROUP BY session_id, caller_id, caller_conflict, caller_source
ORDER BY rows DESC, session_id
