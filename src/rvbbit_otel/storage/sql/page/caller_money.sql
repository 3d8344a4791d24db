-- Where one caller's tokens and dollars went: by cell, tool and model.
SELECT
    cascade_id,
    if(cell_name != '', cell_name, toString(name)) AS step,
    kind,
    provider,
    model,
    count() AS rows,
    countIf(usage_counted) AS calls,
    sum(tokens_in) AS tokens_in,
    sum(tokens_cached) AS tokens_cached,
    sum(tokens_cache_write) AS tokens_cache_write,
    sum(tokens_out) AS tokens_out,
    sum(tokens_reasoning) AS tokens_reasoning,
    sum(unified_logs.cost) AS cost,
    countIf(cost_source IN ('unpriced', 'awaited')) AS calls_unpriced,
    countIf(error != '') AS errors,
    quantile(0.5)(toFloat64(duration_ms)) AS p50,
    quantile(0.95)(toFloat64(duration_ms)) AS p95
FROM unified_logs
WHERE caller_id = {caller:String} AND timestamp >= {since:DateTime} AND timestamp < {until:DateTime}
    AND (usage_counted OR kind IN ('llm', 'tool') OR unified_logs.cost != 0)
GROUP BY cascade_id, step, kind, provider, model
ORDER BY cost DESC, rows DESC, step, model
LIMIT 50
