-- The span that a row is of, as it came: every attribute, its resource and its events. Spans are kept for a shorter time than rows.
SELECT
    SpanName,
    SpanKind,
    ServiceName,
    ScopeName,
    ScopeVersion,
    StatusCode,
    StatusMessage,
    caller_id,
    SpanAttributes,
    ResourceAttributes,
    `Events.Name` AS event_names,
    `Events.Attributes` AS event_attributes
FROM otel_traces
WHERE TraceId = {trace:String} AND SpanId = {span:String}
LIMIT 1
