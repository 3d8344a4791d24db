-- What each row tells of its session. A status counts from the moment its span ended; the end of a session wins over another status of the same moment.
CREATE MATERIALIZED VIEW IF NOT EXISTS session_facts_mv TO session_facts AS
WITH (time, is_end) -> toUInt64(toUnixTimestamp64Nano(time)) * 2 + is_end AS moment
SELECT
    session_id,
    trace_hash,
    bitShiftRight(if(spans_in.claim IN ('open', 'none'), cityHash64(SpanId), cityHash64(spans_in.claim, caller_id)), 24) AS part,
    max(spans_in.claim) AS claim,
    max(caller_id) AS caller,
    max(if(session_status != '', (moment(end_time, session_event = 'end'), toString(session_status)), (toUInt64(0), ''))) AS last_status,
    max(if(error != '' AND (session_event != '' OR kind IN ('session', 'cascade')), (end_time, error), (toDateTime64(0, 9), ''))) AS last_error,
    min(Timestamp) AS first_time,
    max(end_time) AS last_time,
    max(multiIf(session_event = 'end', moment(end_time, true), session_event = 'start', moment(Timestamp, false), 0)) AS last_event,
    max(parent_session_id) AS parent,
    max(cascade_id) AS cascade,
    max(SpanAttributes['rvbbit.cascade.input']) AS cascade_input,
    max(toUInt32OrZero(SpanAttributes['rvbbit.cascade.depth'])) AS cascade_depth,
    maxMapIf([call], [cost], [tokens_in], [tokens_out], tokens_in != 0 OR tokens_out != 0 OR cost != 0) AS usage
FROM spans_in
WHERE is_row
GROUP BY session_id, trace_hash, part
