-- Models of a time range whose calls have tokens and no price.
SELECT provider, model, count() AS calls, uniqExact(caller_id) AS callers, sum(tokens_in) AS tokens_in, sum(tokens_out) AS tokens_out, max(timestamp) AS last_at
FROM unified_logs
WHERE cost_source IN ('unpriced', 'awaited') AND timestamp >= {since:DateTime} AND timestamp < {until:DateTime}
GROUP BY provider, model
ORDER BY calls DESC, provider, model
LIMIT 100
