SELECT $__timeInterval(timestamp) AS time, 100 * countIf(caller_source != 'none') / count() AS coverage
FROM unified_logs
WHERE $__timeFilter(timestamp)
GROUP BY time
ORDER BY time
