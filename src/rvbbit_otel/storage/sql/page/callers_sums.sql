-- All rows of a time range in three parts that add up: firmly attributed, weakly attributed (inherited alone), and nobody's.
SELECT
    multiIf(caller_id = '' OR caller_source = 'none', 'nobody', caller_source = 'inherited', 'weak', 'firm') AS part,
    uniqExactIf(caller_id, caller_id != '') AS callers,
    uniqExact(session_id) AS sessions,
    count() AS rows,
    countIf(usage_counted) AS calls,
    sum(tokens_in) AS tokens_in,
    sum(tokens_out) AS tokens_out,
    sum(unified_logs.cost) AS cost,
    sumIf(unified_logs.cost, cost_source = 'stated') AS cost_stated,
    sumIf(unified_logs.cost, startsWith(cost_source, 'computed ')) AS cost_computed,
    countIf(cost_source IN ('unpriced', 'awaited')) AS calls_unpriced,
    countIf(error != '') AS errors,
    max(timestamp) AS last_row
FROM unified_logs
WHERE timestamp >= {since:DateTime} AND timestamp < {until:DateTime}
GROUP BY part
ORDER BY part
