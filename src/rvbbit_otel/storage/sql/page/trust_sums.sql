-- Rows and dollars of a time range, as parts that have to add up to the whole: each part is summed by a condition of its own, the whole without any.
SELECT
    count() AS rows,
    countIf(caller_id != '' AND caller_source NOT IN ('inherited', 'none')) AS rows_firm,
    countIf(caller_id != '' AND caller_source = 'inherited') AS rows_weak,
    countIf(caller_id = '' OR caller_source = 'none') AS rows_nobody,
    sum(unified_logs.cost) AS cost,
    sumIf(unified_logs.cost, caller_id != '' AND caller_source NOT IN ('inherited', 'none')) AS cost_firm,
    sumIf(unified_logs.cost, caller_id != '' AND caller_source = 'inherited') AS cost_weak,
    sumIf(unified_logs.cost, caller_id = '' OR caller_source = 'none') AS cost_nobody,
    sumIf(unified_logs.cost, cost_source = 'stated') AS cost_stated,
    sumIf(unified_logs.cost, startsWith(cost_source, 'computed ')) AS cost_computed,
    sumIf(unified_logs.cost, cost_source != 'stated' AND NOT startsWith(cost_source, 'computed ')) AS cost_else,
    countIf(cost_source IN ('unpriced', 'awaited')) AS calls_unpriced
FROM unified_logs
WHERE timestamp >= {since:DateTime} AND timestamp < {until:DateTime}
