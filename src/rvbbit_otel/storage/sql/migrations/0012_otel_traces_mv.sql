-- Each span once: only those that otel_traces has not. The inner IN names the block's own primary keys, so that a few granules are read.
CREATE MATERIALIZED VIEW IF NOT EXISTS otel_traces_mv TO otel_traces AS
SELECT
    Timestamp,
    TraceId,
    SpanId,
    ParentSpanId,
    TraceState,
    SpanName,
    SpanKind,
    ServiceName,
    ResourceAttributes,
    ScopeName,
    ScopeVersion,
    SpanAttributes,
    Duration,
    StatusCode,
    StatusMessage,
    `Events.Timestamp`,
    `Events.Name`,
    `Events.Attributes`,
    `Links.TraceId`,
    `Links.SpanId`,
    `Links.TraceState`,
    `Links.Attributes`,
    caller_id,
    session_id
FROM spans_in
WHERE reject = ''
    AND (TraceId, SpanId) NOT IN (
        SELECT TraceId, SpanId
        FROM otel_traces
        WHERE (ServiceName, SpanName, toDateTime(Timestamp)) IN (
            SELECT ServiceName, SpanName, toDateTime(Timestamp) FROM spans_in WHERE reject = ''
        )
    )
LIMIT 1 BY TraceId, SpanId
