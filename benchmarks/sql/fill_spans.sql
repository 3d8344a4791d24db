-- Spans of the example runner's shape into the real landing table: twenty rows a session as runner.py counts them, sixteen callers at once, twenty
-- sessions each, content off, a million rows a day from {since:DateTime} on. The same numbers give the same spans, so that filling can go on.
INSERT INTO otel_traces_in
WITH
    intDiv(number, 20) AS session,
    number % 20 AS slot,
    intDiv(session, 320) * 16 + session % 16 AS caller,
    concat('sql-', ['brave', 'calm', 'clever', 'eager', 'gentle', 'keen', 'lucid', 'quick', 'sly', 'warm'][sipHash64(caller, 1) % 10 + 1], '-',
        ['badger', 'crane', 'fox', 'hare', 'heron', 'lynx', 'otter', 'owl', 'raven', 'wren'][sipHash64(caller, 2) % 10 + 1], '-',
        leftPad(lower(hex(toUInt32(caller * 10368889 % 16777216))), 6, '0')) AS caller_name,
    concat('session-', leftPad(lower(hex(sipHash64(session, 3))), 16, '0')) AS session_name,
    lower(hex(sipHash128(caller))) AS trace,
    -- Sixteen sessions run at once, so rows of one follow each other at sixteen times the distance of two rows of the store.
    toUInt64(toUnixTimestamp({since:DateTime})) * 1000000000 + intDiv(session, 16) * 320 * 86400000 + slot * 1382400000
        + sipHash64(number, 4) % 1000000000 AS started,
    [0, 0, 2, 2, 2, 5, 5, 6, 7, 6, 7, 6, 7, 5, 5, 2, 16, 16, 16, 2][slot + 1] AS parent_slot,
    ['session', 'cascade', 'log', 'log', 'cell', 'cell', 'cell', 'log', 'log', 'llm', 'llm', 'log', 'log', 'log', 'log', 'cell', 'log', 'tool', 'log', 'log'][slot + 1] AS kind,
    ['', '', 'system', 'user', '', '', '', 'user', 'user', '', '', 'assistant', 'assistant', 'system', 'system', '', 'tool', '', 'tool', 'system'][slot + 1] AS role,
    ['', '', 'cascade_start', 'input', '', '', '', 'prompt', 'prompt', '', '', 'agent', 'agent', 'pick', 'cell_end', '', 'tool_call', '', 'tool_result', 'cascade_end'][slot + 1] AS node_type,
    multiIf(slot IN (0, 1, 2, 3, 9, 10, 17, 19), '', slot >= 15, 'check', 'extract') AS cell,
    slot IN (9, 10, 11, 12) AS answers,
    -- Only what runs for a while has a duration; a log row is a moment.
    if(kind IN ('log', 'session'), 0, 1000000 + sipHash64(number, 5) % (400000000 * (kind = 'cascade' ? 5 : 1))) AS took
SELECT
    fromUnixTimestamp64Nano(toInt64(started)) AS Timestamp,
    trace AS TraceId,
    leftPad(lower(hex(sipHash64(number, 6))), 16, '0') AS SpanId,
    leftPad(lower(hex(if(parent_slot = 0, sipHash64(caller, 7), sipHash64(number - slot + parent_slot - 1, 6)))), 16, '0') AS ParentSpanId,
    '' AS TraceState,
    multiIf(kind = 'session', 'session start', kind = 'cascade', 'cascade extract_brand', kind = 'cell', concat('cell ', cell),
        kind = 'llm', 'chat stub/brand-1', kind = 'tool', 'execute_tool validate_brand', concat('log ', role)) AS SpanName,
    if(kind = 'llm', 'Client', 'Internal') AS SpanKind,
    'small_rvbbit' AS ServiceName,
    map('service.name', 'small_rvbbit', 'telemetry.sdk.language', 'python', 'telemetry.sdk.name', 'opentelemetry', 'telemetry.sdk.version', '1.45.1') AS ResourceAttributes,
    'rvbbit_otel' AS ScopeName,
    '0.1.0' AS ScopeVersion,
    mapFilter((name, value) -> value != '', map(
        'session.id', session_name,
        'rvbbit.caller.id', caller_name,
        'rvbbit.caller.source', 'echo',
        'rvbbit.caller.origin', 'sql',
        'rvbbit.kind', kind,
        'rvbbit.log.role', role,
        'rvbbit.log.node_type', node_type,
        'rvbbit.cell.name', cell,
        'rvbbit.take.index', if(slot BETWEEN 5 AND 8 OR slot IN (11, 12), toString((slot + 1) % 2), ''),
        'rvbbit.cascade.id', if(slot IN (0, 1), 'extract_brand', ''),
        'rvbbit.cascade.file', if(slot = 1, 'cascades/traits/extract_brand.yaml', ''),
        'rvbbit.cascade.depth', if(slot = 1, '0', ''),
        'rvbbit.session.event', multiIf(slot = 0, 'start', slot = 1, 'end', ''),
        'rvbbit.session.status', multiIf(slot = 0, 'running', slot = 1, 'completed', ''),
        'gen_ai.operation.name', multiIf(kind = 'llm', 'chat', kind = 'tool', 'execute_tool', ''),
        'gen_ai.tool.name', if(kind = 'tool', 'validate_brand', ''),
        'gen_ai.request.model', if(answers, 'stub/brand-1', ''),
        'gen_ai.response.model', if(kind = 'llm', 'stub/brand-1', ''),
        'gen_ai.usage.input_tokens', if(answers, toString(6 + sipHash64(session, 8) % 20), ''),
        'gen_ai.usage.output_tokens', if(answers, '1', ''),
        'rvbbit.usage.cost', if(answers, toString((8 + sipHash64(session, 8) % 20) / 1000000), ''),
        'rvbbit.usage.counted', multiIf(kind = 'llm', 'false', answers, 'true', ''),
        'rvbbit.duration_ms', if(slot IN (11, 12), toString((1000000 + sipHash64(number, 5) % 400000000) / 1000000), '')
    )) AS SpanAttributes,
    took AS Duration,
    'Unset' AS StatusCode,
    '' AS StatusMessage,
    [] AS `Events.Timestamp`,
    [] AS `Events.Name`,
    [] AS `Events.Attributes`,
    [] AS `Links.TraceId`,
    [] AS `Links.SpanId`,
    [] AS `Links.TraceState`,
    [] AS `Links.Attributes`
FROM numbers({first:UInt64}, {count:UInt64})
SETTINGS max_block_size = 65536, min_insert_block_size_rows = 131072, max_insert_threads = 1
