-- What the rows of one run come to, by its resource attribute.
SELECT
    uniqExactIf(caller_id, caller_id != '') AS callers,
    countIf(caller_id != '') AS attributed,
    count() AS rows,
    sum(logs.cost) AS cost,
    sumIf(logs.cost, caller_id = '') AS cost_of_nobody,
    countIf(cost_source IN ('unpriced', 'awaited')) AS calls_unpriced
FROM unified_logs AS logs
WHERE timestamp >= {since:DateTime}
    AND (trace_id, span_id) IN
    (
        SELECT TraceId, SpanId
        FROM otel_traces
        WHERE Timestamp >= {since:DateTime} AND ResourceAttributes['rvbbit.run.id'] = {run:String}
    )
