SELECT $__timeInterval(timestamp) AS time, kind, count() AS rows
FROM unified_logs
WHERE $__timeFilter(timestamp) AND caller_id = ${caller:sqlstring}
GROUP BY time, kind
ORDER BY time
