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
    -- Langfuse, OpenLLMetry and MLflow name the span by its tool; the conventions put the operation before it.
    if(kind = 'tool', arrayFirst(word -> word != '', [
        SpanAttributes['gen_ai.tool.name'], SpanAttributes['tool.name'], SpanAttributes['traceloop.entity.name'], SpanAttributes['ai.toolCall.name'],
        if(startsWith(SpanName, 'execute_tool '), substring(SpanName, 14), toString(SpanName))
    ]), '') AS tool_name,
    toInt32OrNull(SpanAttributes['rvbbit.take.index']) AS take_index,
    model,
    provider,
    response_id,
    user_id,
    usage_counted,
    tokens_in,
    tokens_out,
    if(usage_counted, told_cached, 0) AS tokens_cached,
    if(usage_counted, told_cache_write, 0) AS tokens_cache_write,
    if(usage_counted, told_reasoning, 0) AS tokens_reasoning,
    if(usage_counted, told_audio_in, 0) AS tokens_audio_in,
    if(usage_counted, told_audio_out, 0) AS tokens_audio_out,
    cost,
    cost_source,
    told_in AS told_tokens_in,
    told_out AS told_tokens_out,
    toDecimal64(spans_in.told_cost, 0) * toDecimal64('0.000000000001', 12) AS told_cost,
    duration_ms,
    -- Of a row itself: a failed one that tells of its session's begin has not begun it well.
    multiIf(
        StatusCode = 'Error' AND session_status IN ('', 'running', 'completed'), 'error',
        session_status != '', session_status,
        'ok'
    ) AS status,
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
