-- What is read out of a log record, and which records are refused. A record without a time of either kind has none to be kept by.
CREATE MATERIALIZED VIEW IF NOT EXISTS log_records_in_mv TO log_records_in AS
WITH
    record.LogAttributes['session.id'] AS stated_session,
    record.LogAttributes['rvbbit.caller.id'] AS stated_caller
SELECT
    Timestamp,
    TraceId,
    SpanId,
    TraceFlags,
    SeverityText,
    SeverityNumber,
    ServiceName,
    Body,
    ResourceSchemaUrl,
    ResourceAttributes,
    ScopeSchemaUrl,
    ScopeName,
    ScopeVersion,
    ScopeAttributes,
    if(has([gone[3], gone[4]], 1), mapApply(
        (name, value) -> (name, if(name = 'rvbbit.caller.conflict' AND gone[3] OR name = 'rvbbit.caller.candidate' AND gone[4], 'erased', value)),
        record.LogAttributes
    ), record.LogAttributes) AS LogAttributes,
    EventName,
    multiIf(
        gone[1] OR gone[2], 'erased',
        length(TraceId) NOT IN (0, 32), 'trace_id',
        length(SpanId) NOT IN (0, 16), 'span_id',
        NOT (Timestamp BETWEEN now() - INTERVAL 90 DAY AND now() + INTERVAL 1 DAY), 'time',
        ''
    ) AS reject,
    if(reject = '' AND mapContains(record.LogAttributes, 'session.id')
        AND (stated_session = '' OR lengthUTF8(stated_session) > 256 OR match(stated_session, '[\\x{00}-\\x{1f}\\x{7f}-\\x{9f}]')),
        'session_id', '') AS session_fault,
    if(reject = '' AND stated_caller != '' AND NOT match(stated_caller, '^[A-Za-z0-9_.:-]{1,128}$'), 'caller_id', '') AS caller_fault,
    if(caller_fault = '', stated_caller, '') AS caller_id,
    if(session_fault = '', stated_session, '') AS session_id,
    sipHash64(
        Timestamp, TraceId, SpanId, TraceFlags, SeverityText, SeverityNumber, ServiceName, Body, ResourceSchemaUrl, ResourceAttributes,
        ScopeSchemaUrl, ScopeName, ScopeVersion, ScopeAttributes, record.LogAttributes, EventName
    ) AS record_hash
FROM
(
    -- Which of its ids were erased: its caller's, its session's, of others that lost or were its candidate.
    SELECT
        *,
        arrayMap(id -> id IN (SELECT hash FROM erased), [
            sipHash64('caller', LogAttributes['rvbbit.caller.id']), sipHash64('session', LogAttributes['session.id']),
            sipHash64('caller', LogAttributes['rvbbit.caller.conflict']), sipHash64('caller', LogAttributes['rvbbit.caller.candidate'])
        ]) AS gone
    FROM otel_logs_in
) AS record
