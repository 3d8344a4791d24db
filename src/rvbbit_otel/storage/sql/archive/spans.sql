-- Every span of one caller, in the columns of the landing table: those that name it, and those whose row the store found it for.
SELECT
    Timestamp, TraceId, SpanId, ParentSpanId, TraceState, SpanName, SpanKind, ServiceName, ResourceAttributes, ScopeName, ScopeVersion,
    SpanAttributes, Duration, StatusCode, StatusMessage, `Events.Timestamp`, `Events.Name`, `Events.Attributes`, `Links.TraceId`, `Links.SpanId`,
    `Links.TraceState`, `Links.Attributes`
FROM otel_traces
WHERE SpanAttributes['rvbbit.caller.id'] = {caller:String}
    OR (TraceId, SpanId) IN (SELECT trace_id, span_id FROM unified_logs WHERE caller_id = {caller:String})
ORDER BY Timestamp, TraceId, SpanId
