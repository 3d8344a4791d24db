-- Spans of the last day, without the callers' own, and how many of them are rows.
SELECT
    countIf(SpanAttributes['rvbbit.kind'] != 'caller' AND NOT startsWith(SpanAttributes['rvbbit.caller.id'], 'doctor-')) AS spans,
    (SELECT uniqExact(trace_id, span_id) FROM unified_logs WHERE timestamp >= now() - INTERVAL 1 DAY AND NOT startsWith(caller_id, 'doctor-')) AS rows
FROM otel_traces
WHERE Timestamp >= now() - INTERVAL 1 DAY
