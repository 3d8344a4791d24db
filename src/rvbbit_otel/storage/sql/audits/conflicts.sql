-- name: conflicts
-- kind: rule
-- title: Rows for which two answers differed
-- finding: Two answers differed. The row has the one that comes first: named by hand, the session's own, the work around it, baggage.
-- remedy: The rows are right by that order. The loser shows where stale context lives: a worker that keeps the context of whoever created it.
-- parameter: since DateTime = 1970-01-01 00:00:00
-- parameter: until DateTime = 2106-01-01 00:00:00
SELECT session_id, caller_id, caller_conflict, caller_source, count() AS rows, any(name) AS example
FROM unified_logs
WHERE caller_conflict != '' AND timestamp >= {since:DateTime} AND timestamp < {until:DateTime}
GROUP BY session_id, caller_id, caller_conflict, caller_source
ORDER BY rows DESC, session_id
