-- The one place that reads our attributes, and the one place that says what is refused and which row counts its usage.
CREATE MATERIALIZED VIEW IF NOT EXISTS spans_stated_mv TO spans_stated AS
WITH
    -- OpenTelemetry's name (OpenInference's and Logfire's too), that of the GenAI conventions, Langfuse's, OpenLLMetry's.
    multiIf(
        mapContains(SpanAttributes, 'session.id'), SpanAttributes['session.id'],
        SpanAttributes['gen_ai.conversation.id'] != '', SpanAttributes['gen_ai.conversation.id'],
        SpanAttributes['langfuse.session.id'] != '', SpanAttributes['langfuse.session.id'],
        SpanAttributes['traceloop.association.properties.session_id']
    ) AS stated_session,
    SpanAttributes['rvbbit.caller.id'] AS stated_caller,
    SpanAttributes['rvbbit.caller.source'] AS stated_source,
    SpanAttributes['rvbbit.caller.candidate'] AS stated_candidate,
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
    -- What somebody triggered, and what costs money, is a row also where nobody named a session: one that its trace stands for. The span of
    -- `rvbbit-otel doctor` is a question, and no work.
    stated_session = '' AND session_fault = '' AND stated_kind != 'caller' AND ScopeName != 'rvbbit_otel.doctor' AND (own_caller != ''
        OR kind = 'llm' AND (SpanAttributes['gen_ai.usage.input_tokens'] != '' OR SpanAttributes['gen_ai.usage.output_tokens'] != '')) AS stands_for_trace,
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
    if(reject = '' AND (stated_session != '' OR mapContains(SpanAttributes, 'session.id'))
        AND (stated_session = '' OR lengthUTF8(stated_session) > 256 OR match(stated_session, '[\\x{00}-\\x{1f}\\x{7f}-\\x{9f}]')),
        'session_id', '') AS session_fault,
    if(reject = '' AND stated_caller != '' AND NOT match(stated_caller, '^[A-Za-z0-9_.:-]{1,128}$'), 'caller_id', '') AS caller_fault,
    reject = '' AND session_id != '' AND stated_kind != 'caller' AS is_row,
    multiIf(session_fault != '', '', stands_for_trace, concat('trace-', TraceId), stated_session) AS session_id,
    bitShiftRight(cityHash64(TraceId), 24) AS trace_hash,
    multiIf(
        stated_caller = '', multiIf(stands_for_trace OR caller_candidate != '', 'nobody', stated_source = 'none', 'none', 'open'),
        caller_fault != '', 'nobody',
        stated_source IN ('echo', 'repair'), 'session',
        stated_source = 'inherited', 'inherited',
        'stated'
    ) AS claim,
    SpanAttributes['rvbbit.session.parent_id'] AS parent_session_id,
    SpanAttributes['rvbbit.session.event'] AS session_event,
    multiIf(
        stated_status != '', stated_status,
        session_event = 'start', 'running',
        session_event = 'end', if(StatusCode = 'Error', 'error', 'completed'),
        ''
    ) AS session_status,
    own_caller AS caller_id,
    own_source AS caller_source,
    if(stated_caller = '' AND match(stated_candidate, '^[A-Za-z0-9_.:-]{1,128}$'), stated_candidate, '') AS caller_candidate,
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
