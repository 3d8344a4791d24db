SELECT $__timeInterval(timestamp) AS time, kind, countIf(error != '') AS errors
FROM unified_logs
WHERE $__timeFilter(timestamp)
GROUP BY time, kind
ORDER BY time
