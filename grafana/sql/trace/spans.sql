WITH
    (SELECT min(Start) FROM otel_traces_trace_id_ts WHERE TraceId = ${trace_id:sqlstring}) AS began,
    (SELECT max(End) + 1 FROM otel_traces_trace_id_ts WHERE TraceId = ${trace_id:sqlstring}) AS ended
SELECT
    TraceId AS traceID,
    SpanId AS spanID,
    ParentSpanId AS parentSpanID,
    ServiceName AS serviceName,
    SpanName AS operationName,
    toUnixTimestamp64Nano(Timestamp) / 1e6 AS startTime,
    Duration / 1e6 AS duration,
    arrayMap(key -> map('key', key, 'value', SpanAttributes[key]), mapKeys(SpanAttributes)) AS tags,
    arrayMap(key -> map('key', key, 'value', ResourceAttributes[key]), mapKeys(ResourceAttributes)) AS serviceTags,
    if(StatusCode = 'Error', 2, 0) AS statusCode,
    StatusMessage AS statusMessage,
    SpanKind AS kind
FROM otel_traces
WHERE TraceId = ${trace_id:sqlstring} AND Timestamp >= began AND Timestamp <= ended
ORDER BY startTime
LIMIT 5000
