-- What one caller left behind and what it cost, by how its rows are known.
SELECT
    caller_source,
    count() AS rows,
    uniqExact(session_id) AS sessions_of_source,
    any(all_sessions) AS sessions,
    any(all_traces) AS traces,
    countIf(usage_counted) AS calls,
    sum(tokens_in) AS tokens_in,
    sum(tokens_out) AS tokens_out,
    sum(tokens_cached) AS tokens_cached,
    sum(tokens_reasoning) AS tokens_reasoning,
    sum(logs.cost) AS cost,
    sumIf(logs.cost, cost_source = 'stated') AS cost_stated,
    sumIf(logs.cost, startsWith(cost_source, 'computed ')) AS cost_computed,
    countIf(cost_source IN ('unpriced', 'awaited')) AS calls_unpriced,
    countIf(error != '') AS errors,
    countIf(caller_conflict != '') AS conflicts,
    min(timestamp) AS first_row,
    max(timestamp) AS last_row,
    max(toUnixTimestamp64Nano(timestamp) + toInt64(duration_ms * 1000000)) AS ends_at,
    any(caller_origin) AS origin
FROM
(
    SELECT *, uniqExact(session_id) OVER () AS all_sessions, uniqExact(trace_id) OVER () AS all_traces
    FROM unified_logs
    WHERE caller_id = {caller:String} AND timestamp >= {since:DateTime} AND timestamp < {until:DateTime}
) AS logs
GROUP BY caller_source
ORDER BY rows DESC, caller_source
