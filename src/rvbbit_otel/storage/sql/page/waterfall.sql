-- Rows of one caller or one session in the order of their begin, from a moment on: what happened, how long it took, and how its caller is known.
SELECT
    toUnixTimestamp64Nano(timestamp) AS begins,
    toInt64(duration_ms * 1000000) AS took,
    session_id,
    parent_session_id,
    trace_id,
    span_id,
    parent_id,
    kind,
    -- Somebody else's texts may be of any length; a line shows their begin.
    substringUTF8(unified_logs.name, 1, 200) AS name,
    substringUTF8(unified_logs.cell_name, 1, 200) AS cell_name,
    substringUTF8(unified_logs.model, 1, 200) AS model,
    status,
    substringUTF8(unified_logs.error, 1, 300) AS error,
    tokens_in + tokens_out AS tokens,
    cost,
    cost_source,
    caller_id,
    caller_source,
    caller_conflict
FROM unified_logs
WHERE timestamp >= {since:DateTime} AND timestamp < {until:DateTime}
    AND ({caller:String} = '' OR caller_id = {caller:String})
    AND ({session:String} = '' OR session_id = {session:String})
    AND (toUnixTimestamp64Nano(timestamp), trace_id, span_id) > ({after:Int64}, {after_trace:String}, {after_span:String})
ORDER BY begins, trace_id, span_id
LIMIT {limit:UInt32}
