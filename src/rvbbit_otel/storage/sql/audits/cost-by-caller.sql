-- name: cost-by-caller
-- kind: report
-- title: Cost and tokens by caller; what nobody claims is a row of its own
-- finding: One row a caller, most expensive first: stated and computed dollars apart, and `at least` where calls have no price. Their sum is the sum over all rows.
-- remedy: Nothing to do. `rvbbit-otel audit unpriced-models` names the models without a price.
-- parameter: since DateTime = 1970-01-01 00:00:00
-- parameter: until DateTime = 2106-01-01 00:00:00
SELECT
    caller_id,
    any(origin) AS origin,
    uniqExact(session_id) AS sessions,
    count() AS rows,
    countIf(usage_counted) AS calls,
    sum(tokens_in) AS tokens_in,
    sum(tokens_out) AS tokens_out,
    sum(row.cost) AS cost,
    sumIf(row.cost, cost_source = 'stated') AS cost_stated,
    sumIf(row.cost, startsWith(cost_source, 'computed ')) AS cost_computed,
    countIf(cost_source IN ('unpriced', 'awaited')) AS calls_unpriced,
    concat(if(calls_unpriced > 0, 'at least $', '$'), toString(sum(row.cost))) AS dollars,
    min(timestamp) AS first_row,
    max(timestamp) AS last_row
FROM unified_logs AS row
LEFT JOIN (SELECT caller_id, origin FROM callers) AS known USING (caller_id)
WHERE timestamp >= {since:DateTime} AND timestamp < {until:DateTime}
GROUP BY caller_id
ORDER BY cost DESC, rows DESC, caller_id
