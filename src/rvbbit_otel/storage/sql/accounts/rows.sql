-- The rows of one caller, or of all with '', oldest first, from a moment on.
SELECT
    timestamp,
    toString(caller_id) AS caller_id,
    toString(session_id) AS session_id,
    parent_session_id,
    toString(trace_id) AS trace_id,
    span_id,
    parent_id,
    toString(kind) AS kind,
    toString(name) AS name,
    toString(cell_name) AS cell_name,
    toString(model) AS model,
    usage_counted,
    tokens_in,
    tokens_out,
    unified_logs.cost AS cost,
    toString(cost_source) AS cost_source,
    duration_ms,
    toString(status) AS status,
    error,
    toString(caller_source) AS caller_source
FROM unified_logs
WHERE timestamp >= {since:DateTime} AND ({caller:String} = '' OR caller_id = {caller:String})
ORDER BY timestamp, trace_id, span_id
LIMIT {limit:UInt32}
