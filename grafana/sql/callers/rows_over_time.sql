SELECT $__timeInterval(timestamp) AS time, kind, count() AS rows
FROM unified_logs
WHERE $__timeFilter(timestamp)
GROUP BY time, kind
ORDER BY time
