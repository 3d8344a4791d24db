SELECT caller_source AS source, count() AS rows, uniqExact(session_id) AS sessions, sum(cost) AS cost
FROM unified_logs
WHERE $__timeFilter(timestamp) AND caller_id = ${caller:sqlstring}
GROUP BY source
ORDER BY rows DESC
