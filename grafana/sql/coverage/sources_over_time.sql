SELECT $__timeInterval(timestamp) AS time, caller_source AS source, count() AS rows
FROM unified_logs
WHERE $__timeFilter(timestamp)
GROUP BY time, source
ORDER BY time
