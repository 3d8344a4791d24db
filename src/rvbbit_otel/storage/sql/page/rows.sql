-- Rows by what they are, the latest first, from a row on: pages go by the key of the table, so the last is as quick as the first.
SELECT
    timestamp,
    toUnixTimestamp64Nano(timestamp) AS nanoseconds,
    caller_id,
    caller_source,
    caller_conflict,
    session_id,
    kind,
    -- Somebody else's texts may be of any length; a line shows their begin.
    substringUTF8(unified_logs.name, 1, 200) AS short_name,
    substringUTF8(unified_logs.cell_name, 1, 200) AS short_cell,
    model,
    status,
    substringUTF8(unified_logs.error, 1, 300) AS short_error,
    duration_ms,
    tokens_in,
    tokens_out,
    cost,
    cost_source,
    service_name,
    trace_id,
    span_id
FROM unified_logs
WHERE timestamp >= {since:DateTime} AND timestamp < {until:DateTime}
    -- The second stands in the primary key, and is what is read by; the whole key says where in it the last page ended.
    AND ({before:Int64} = 0 OR (
        toDateTime(timestamp) <= toDateTime(intDiv({before:Int64}, 1000000000))
        AND (toUnixTimestamp64Nano(timestamp), trace_id, span_id) < ({before:Int64}, {before_trace:String}, {before_span:String})
    ))
    AND ({caller:String} = '' OR caller_id = {caller:String})
    AND ({session:String} = '' OR session_id = {session:String})
    AND ({trace:String} = '' OR trace_id = {trace:String})
    AND ({kind:String} = '' OR kind = {kind:String})
    AND ({model:String} = '' OR model = {model:String})
    AND ({service:String} = '' OR service_name = {service:String})
    AND ({source:String} = '' OR caller_source = {source:String} OR ({source:String} = 'none' AND caller_id = ''))
    AND ({priced:String} = '' OR multiIf(cost_source IN ('unpriced', 'awaited'), 'unpriced', startsWith(cost_source, 'computed '), 'computed', cost_source) = {priced:String})
    AND ({status:String} = '' OR ({status:String} = 'error') = (error != ''))
    AND ({conflict:String} = '' OR ({conflict:String} = 'yes') = (caller_conflict != ''))
    AND ({least_cost:Float64} = 0 OR toFloat64(cost) >= {least_cost:Float64})
    AND ({least_ms:Float64} = 0 OR toFloat64(duration_ms) >= {least_ms:Float64})
    AND ({q:String} = '' OR positionCaseInsensitiveUTF8(concat(name, ' ', cell_name, ' ', model, ' ', caller_id, ' ', session_id, ' ', trace_id, ' ', span_id, ' ', error, ' ', content, ' ', metadata), {q:String}) > 0)
    AND ({attribute:String} = '' OR (trace_id, span_id) IN (
        SELECT TraceId, SpanId
        FROM otel_traces
        WHERE Timestamp >= {since:DateTime} AND Timestamp < {until:DateTime}
            AND mapContains(SpanAttributes, {attribute:String})
            AND ({value:String} = '' OR SpanAttributes[{attribute:String}] = {value:String})
    ))
ORDER BY toDateTime(timestamp) DESC, nanoseconds DESC, trace_id DESC, span_id DESC
LIMIT {limit:UInt32}
