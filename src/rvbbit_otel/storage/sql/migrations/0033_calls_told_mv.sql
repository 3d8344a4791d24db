-- Each span that told of a call, with what of it was counted.
CREATE MATERIALIZED VIEW IF NOT EXISTS calls_told_mv TO calls_told AS
SELECT
    arrayJoin(call_keys) AS key,
    call,
    own,
    if(own, 0, cityHash64(ServiceName, ScopeName, kind = 'llm')) AS scope,
    (model != '') + (response_id != '') + (told_cached != 0) + (told_reasoning != 0) AS detail,
    trace_hash,
    cityHash64('session', session_id, caller_id) AS session,
    if(response_id = '', 0, cityHash64('response', response_id)) AS response,
    length(response_id) >= 16 AS unique_id,
    awaited,
    cityHash64(SpanId) AS span,
    if(ParentSpanId = '', 0, cityHash64(ParentSpanId)) AS parent,
    Timestamp AS start,
    end_time AS finish,
    told_in,
    told_out,
    told_cost,
    tokens_in AS counted_in,
    tokens_out AS counted_out,
    reinterpretAsInt64(cost) AS counted_cost,
    beside,
    replaces
FROM spans_in
WHERE tells AND (call, trace_hash) NOT IN (
    SELECT call, trace_hash FROM calls_told WHERE key IN (SELECT cityHash64('trace', trace_hash) FROM spans_in WHERE tells)
)
