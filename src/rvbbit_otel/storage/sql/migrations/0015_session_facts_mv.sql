-- What each row tells of its session. A status counts from the moment its span ended; the end of a session wins over another status of the same moment.
CREATE MATERIALIZED VIEW IF NOT EXISTS session_facts_mv TO session_facts AS
SELECT
    session_id,
    max(caller_id) AS caller,
    groupUniqArrayStateIf(16)(caller_id, caller_id != '') AS callers,
    max(if(session_status != '', (span_end, toUInt8(session_event = 'end'), toString(session_status)), (toDateTime64(0, 9), toUInt8(0), ''))) AS last_status,
    max(if(error != '' AND (session_event != '' OR kind IN ('session', 'cascade')), (span_end, error), (toDateTime64(0, 9), ''))) AS last_error,
    min(Timestamp) AS first_time,
    max(span_end) AS last_time,
    max(if(session_event = 'end', span_end, toDateTime64(0, 9))) AS end_time,
    max(parent_session_id) AS parent,
    max(cascade_id) AS cascade,
    max(SpanAttributes['rvbbit.cascade.input']) AS cascade_input,
    max(toUInt32OrZero(SpanAttributes['rvbbit.cascade.depth'])) AS cascade_depth,
    maxMapIf([cityHash64(TraceId, SpanId)], [cost], [tokens_in], [tokens_out], tokens_in != 0 OR tokens_out != 0 OR cost != 0) AS usage
FROM (SELECT * EXCEPT (end_time), end_time AS span_end FROM spans_in WHERE is_row)
GROUP BY session_id
