-- The one place that reads our attributes, and the one place that says what is refused and which row counts its usage.
-- A straggler, which names a session and no caller, gets the session's caller from the store or from its own block, where exactly one is known.
CREATE MATERIALIZED VIEW IF NOT EXISTS spans_in_mv TO spans_in AS
WITH
    SpanAttributes['session.id'] AS stated_session,
    SpanAttributes['rvbbit.caller.id'] AS stated_caller,
    SpanAttributes['rvbbit.caller.source'] AS stated_source,
    SpanAttributes['rvbbit.kind'] AS stated_kind,
    SpanAttributes['rvbbit.session.status'] AS stated_status,
    toFloat64OrNull(SpanAttributes['rvbbit.duration_ms']) AS stated_duration,
    SpanAttributes['gen_ai.operation.name'] AS operation,
    -- A day ahead for clocks that are wrong; 90 days back, so that one block never touches over 92 partitions (the engine stops at 100).
    NOT (Timestamp BETWEEN now() - INTERVAL 90 DAY AND now() + INTERVAL 1 DAY) AS out_of_time,
    -- Spans that end before they start wrap around to centuries.
    if(Duration <= 7776000000000000, Duration, 0) AS duration,
    -- Whole nanoseconds, of three years at most.
    toInt64(ifNull(if(abs(stated_duration) <= 1e11, round(stated_duration * 1e6), NULL), duration)) AS took,
    toFloat64OrZero(multiIf(
        mapContains(SpanAttributes, 'rvbbit.usage.cost'), SpanAttributes['rvbbit.usage.cost'],
        mapContains(SpanAttributes, 'gen_ai.usage.cost'), SpanAttributes['gen_ai.usage.cost'],
        mapContains(SpanAttributes, 'gen_ai.usage.cost.amount'), SpanAttributes['gen_ai.usage.cost.amount'],
        SpanAttributes['operation.cost']
    )) AS stated_cost,
    if(caller_fault = '', stated_caller, '') AS own_caller,
    multiIf(own_caller = '', 'none', stated_source IN ('explicit', 'echo', 'baggage', 'inherited', 'repair'), stated_source, 'explicit') AS own_source,
    arrayFirst(message -> message != '', arrayMap(attributes -> attributes['exception.message'], `Events.Attributes`)) AS exception
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
    multiIf(length(TraceId) != 32, 'trace_id', length(SpanId) != 16, 'span_id', out_of_time, 'time', '') AS reject,
    if(reject = '' AND mapContains(SpanAttributes, 'session.id')
        AND (stated_session = '' OR lengthUTF8(stated_session) > 256 OR match(stated_session, '[\\x{00}-\\x{1f}\\x{7f}-\\x{9f}]')),
        'session_id', '') AS session_fault,
    if(reject = '' AND stated_caller != '' AND NOT match(stated_caller, '^[A-Za-z0-9_.:-]{1,128}$'), 'caller_id', '') AS caller_fault,
    reject = '' AND session_id != '' AND stated_kind != 'caller' AS is_row,
    if(session_fault = '', stated_session, '') AS session_id,
    SpanAttributes['rvbbit.session.parent_id'] AS parent_session_id,
    SpanAttributes['rvbbit.session.event'] AS session_event,
    multiIf(
        stated_status != '', stated_status,
        session_event = 'start', 'running',
        session_event = 'end', if(StatusCode = 'Error', 'error', 'completed'),
        ''
    ) AS session_status,
    if(stated_caller = '' AND reject = '' AND session_id != '', ifNull(known_caller, ''), own_caller) AS caller_id,
    if(own_caller = '' AND caller_id != '', 'repair', own_source) AS caller_source,
    SpanAttributes['rvbbit.caller.origin'] AS caller_origin,
    multiIf(
        stated_kind IN ('caller', 'session', 'cascade', 'cell', 'llm', 'tool', 'log'), stated_kind,
        operation IN ('chat', 'text_completion', 'generate_content', 'embeddings'), 'llm',
        operation = 'execute_tool' OR mapContains(SpanAttributes, 'gen_ai.tool.name'), 'tool',
        'span'
    ) AS kind,
    SpanAttributes['rvbbit.cascade.id'] AS cascade_id,
    -- One LLM call may be told of by the runner's log row, by our own span and by a third party's. Our rows say themselves whether they count; a
    -- third party's counts only where no instrumented runner held the session, since that runner's own rows count it then.
    if(mapContains(SpanAttributes, 'rvbbit.usage.counted'),
        SpanAttributes['rvbbit.usage.counted'] = 'true',
        stated_kind = '' AND kind = 'llm' AND own_source NOT IN ('echo', 'repair') AND NOT (own_source = 'inherited' AND session_id != '')) AS usage_counted,
    if(usage_counted, toUInt64OrZero(SpanAttributes['gen_ai.usage.input_tokens']), 0) AS tokens_in,
    if(usage_counted, toUInt64OrZero(SpanAttributes['gen_ai.usage.output_tokens']), 0) AS tokens_out,
    if(usage_counted AND isFinite(stated_cost), stated_cost, 0) AS cost,
    -- By multiplying, since a Float64 becomes a Decimal by cutting off.
    toDecimal64(took, 0) * toDecimal64('0.000001', 6) AS duration_ms,
    addNanoseconds(Timestamp, if(out_of_time, 0, duration)) AS end_time,
    if(StatusCode = 'Error',
        multiIf(StatusMessage != '', StatusMessage, exception != '', exception, SpanAttributes['error.type'] != '', SpanAttributes['error.type'], 'error'),
        '') AS error
FROM otel_traces_in
LEFT JOIN
(
    SELECT known_session, any(caller) AS known_caller
    FROM
    (
        SELECT session_id AS known_session, arrayJoin(groupUniqArrayMerge(16)(callers)) AS caller
        FROM session_facts
        WHERE session_id IN (
            SELECT SpanAttributes['session.id']
            FROM otel_traces_in
            WHERE SpanAttributes['rvbbit.caller.id'] = '' AND SpanAttributes['session.id'] != ''
        )
        GROUP BY session_id
        UNION ALL
        SELECT SpanAttributes['session.id'], SpanAttributes['rvbbit.caller.id']
        FROM otel_traces_in
        WHERE match(SpanAttributes['rvbbit.caller.id'], '^[A-Za-z0-9_.:-]{1,128}$') AND SpanAttributes['session.id'] IN (
            SELECT SpanAttributes['session.id']
            FROM otel_traces_in
            WHERE SpanAttributes['rvbbit.caller.id'] = '' AND SpanAttributes['session.id'] != ''
        )
    )
    GROUP BY known_session
    HAVING uniqExact(caller) = 1
) AS known ON known_session = SpanAttributes['session.id']
