-- Each span of a session becomes a row, once: only those that unified_logs has not.
CREATE MATERIALIZED VIEW IF NOT EXISTS unified_logs_mv TO unified_logs AS
SELECT
    Timestamp AS timestamp,
    session_id,
    TraceId AS trace_id,
    SpanId AS span_id,
    ParentSpanId AS parent_id,
    parent_session_id,
    kind,
    if(SpanAttributes['rvbbit.log.node_type'] != '', SpanAttributes['rvbbit.log.node_type'], kind) AS node_type,
    SpanAttributes['rvbbit.log.role'] AS role,
    SpanName AS name,
    cascade_id,
    SpanAttributes['rvbbit.cell.name'] AS cell_name,
    toInt32OrNull(SpanAttributes['rvbbit.take.index']) AS take_index,
    if(SpanAttributes['gen_ai.response.model'] != '', SpanAttributes['gen_ai.response.model'], SpanAttributes['gen_ai.request.model']) AS model,
    usage_counted,
    tokens_in,
    tokens_out,
    cost,
    duration_ms,
    if(session_status != '', session_status, lower(StatusCode)) AS status,
    error,
    SpanAttributes['rvbbit.log.content'] AS content,
    SpanAttributes['rvbbit.log.metadata'] AS metadata,
    caller_id,
    caller_source,
    caller_origin,
    SpanAttributes['rvbbit.caller.conflict'] AS caller_conflict,
    caller_candidate,
    claim,
    ServiceName AS service_name
FROM spans_in
WHERE is_row
    AND (TraceId, SpanId) NOT IN (
        SELECT trace_id, span_id
        FROM unified_logs
        WHERE (toDateTime(timestamp), trace_id, session_id) IN (
            SELECT toDateTime(Timestamp), TraceId, session_id FROM spans_in WHERE is_row
        )
    )
LIMIT 1 BY TraceId, SpanId
