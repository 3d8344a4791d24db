-- name: by-caller
-- kind: report
-- title: Rows and sessions of each caller; what nobody claims is a row of its own
-- finding: One row a caller, most rows first.
-- remedy: Nothing to do.
-- parameter: since DateTime = 1970-01-01 00:00:00
-- parameter: until DateTime = 2106-01-01 00:00:00
SELECT caller_id, count() AS row_count, uniqExact(session_id) AS session_count
FROM unified_logs
WHERE timestamp >= {since:DateTime} AND timestamp < {until:DateTime}
GROUP BY caller_id
ORDER BY row_count DESC, caller_id
