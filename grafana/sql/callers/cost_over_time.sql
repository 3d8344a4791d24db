SELECT $__timeInterval(timestamp) AS time, if(caller_id = '', '(nobody)', caller_origin) AS origin, sum(cost) AS dollars
FROM unified_logs
WHERE $__timeFilter(timestamp)
GROUP BY time, origin
ORDER BY time
