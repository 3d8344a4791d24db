-- name: unpriced-models
-- kind: report
-- title: Models whose calls have tokens and no price
-- finding: One row a provider and model. Every sum of dollars that holds such calls is a lower bound.
-- remedy: Give them a price in a file of your own: `rvbbit-otel prices check --file prices.toml`, then `apply`.
-- parameter: since DateTime = 1970-01-01 00:00:00
-- parameter: until DateTime = 2106-01-01 00:00:00
SELECT
    provider,
    model,
    count() AS calls,
    uniqExact(caller_id) AS callers,
    sum(tokens_in) AS tokens_in,
    sum(tokens_out) AS tokens_out,
    countIf(cost_source = 'awaited') AS awaited,
    min(timestamp) AS first_at,
    max(timestamp) AS last_at
FROM unified_logs
WHERE cost_source IN ('unpriced', 'awaited') AND timestamp >= {since:DateTime} AND timestamp < {until:DateTime}
GROUP BY provider, model
ORDER BY calls DESC, provider, model
