SELECT
    $__timeInterval(timestamp) AS time,
    quantile(0.5)(duration_ms) AS p50,
    quantile(0.95)(duration_ms) AS p95,
    quantile(0.99)(duration_ms) AS p99
FROM unified_logs
WHERE $__timeFilter(timestamp) AND kind IN ('llm', 'cascade')
GROUP BY time
ORDER BY time
