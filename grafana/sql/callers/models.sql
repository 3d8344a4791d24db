SELECT model, count() AS calls, sum(tokens_in) AS tokens_in, sum(tokens_out) AS tokens_out, sum(cost) AS cost, quantile(0.95)(duration_ms) AS p95
FROM unified_logs
WHERE $__timeFilter(timestamp) AND usage_counted AND model != ''
GROUP BY model
ORDER BY cost DESC
