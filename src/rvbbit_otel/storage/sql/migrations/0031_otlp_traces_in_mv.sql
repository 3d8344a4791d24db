-- Raw OTLP to the stock shape.
CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_traces_in_mv TO otel_traces_in AS
WITH
    -- `tupleElement(a, 'b')` where `a.b` would read better: the engine resolves dotted names of such deep types slowly (ADR 0013).
    -- Values as text, as the collector's exporter renders them (pcommon.Value.AsString). No value, an empty list and an empty map are ''.
    number -> multiIf(isNaN(number), 'NaN', isInfinite(number), if(number > 0, 'Infinity', '-Infinity'), toString(number)) AS double_text,
    flag -> if(isNull(flag), NULL, if(flag, 'true', 'false')) AS bool_text,
    scalar -> coalesce(
        if(isNull(tupleElement(scalar, 'string_value')), NULL, toJSONString(assumeNotNull(tupleElement(scalar, 'string_value')))),
        toString(tupleElement(scalar, 'int_value')),
        if(isFinite(tupleElement(scalar, 'double_value')), toString(tupleElement(scalar, 'double_value')), NULL),
        bool_text(tupleElement(scalar, 'bool_value')),
        concat('"', base64Encode(tupleElement(scalar, 'bytes_value')), '"'),
        'null'
    ) AS json,
    items -> if(empty(items), '', concat('[', arrayStringConcat(arrayMap(item -> json(item), items), ','), ']')) AS list_text,
    pairs -> if(empty(pairs), '', concat('{', arrayStringConcat(arrayMap(
        pair -> concat(toJSONString(tupleElement(pair, 'key')), ':', json(tupleElement(pair, 'value'))),
        arraySort(pair -> tupleElement(pair, 'key'), pairs)
    ), ','), '}')) AS map_text,
    value -> coalesce(
        tupleElement(value, 'string_value'),
        toString(tupleElement(value, 'int_value')),
        double_text(tupleElement(value, 'double_value')),
        bool_text(tupleElement(value, 'bool_value')),
        base64Encode(tupleElement(value, 'bytes_value')),
        concat(
            list_text(tupleElement(tupleElement(value, 'array_value'), 'values')),
            map_text(tupleElement(tupleElement(value, 'kvlist_value'), 'values'))
        )
    ) AS text,
    attributes -> mapFromArrays(tupleElement(attributes, 'key'), arrayMap(value -> text(value), tupleElement(attributes, 'value'))) AS as_map,
    nanoseconds -> fromUnixTimestamp64Nano(reinterpretAsInt64(nanoseconds)) AS time,
    -- An id of zeros only is no id.
    bytes -> if(match(bytes, '^\\0*$'), '', lower(hex(bytes))) AS id_text,
    tupleElement(span, 'events') AS events,
    tupleElement(span, 'links') AS links
SELECT
    time(tupleElement(span, 'start_time_unix_nano')) AS Timestamp,
    id_text(tupleElement(span, 'trace_id')) AS TraceId,
    id_text(tupleElement(span, 'span_id')) AS SpanId,
    id_text(tupleElement(span, 'parent_span_id')) AS ParentSpanId,
    tupleElement(span, 'trace_state') AS TraceState,
    tupleElement(span, 'name') AS SpanName,
    transform(tupleElement(span, 'kind'), [0, 1, 2, 3, 4, 5], ['Unspecified', 'Internal', 'Server', 'Client', 'Producer', 'Consumer'], '') AS SpanKind,
    ResourceAttributes['service.name'] AS ServiceName,
    as_map(tupleElement(tupleElement(rs, 'resource'), 'attributes')) AS ResourceAttributes,
    tupleElement(tupleElement(ss, 'scope'), 'name') AS ScopeName,
    tupleElement(tupleElement(ss, 'scope'), 'version') AS ScopeVersion,
    as_map(tupleElement(span, 'attributes')) AS SpanAttributes,
    -- Wraps around where a span ends before it starts, as the exporter's does.
    tupleElement(span, 'end_time_unix_nano') - tupleElement(span, 'start_time_unix_nano') AS Duration,
    transform(tupleElement(tupleElement(span, 'status'), 'code'), [0, 1, 2], ['Unset', 'Ok', 'Error'], '') AS StatusCode,
    tupleElement(tupleElement(span, 'status'), 'message') AS StatusMessage,
    arrayMap(nanoseconds -> time(nanoseconds), tupleElement(events, 'time_unix_nano')) AS `Events.Timestamp`,
    tupleElement(events, 'name') AS `Events.Name`,
    arrayMap(attributes -> as_map(attributes), tupleElement(events, 'attributes')) AS `Events.Attributes`,
    arrayMap(bytes -> id_text(bytes), tupleElement(links, 'trace_id')) AS `Links.TraceId`,
    arrayMap(bytes -> id_text(bytes), tupleElement(links, 'span_id')) AS `Links.SpanId`,
    tupleElement(links, 'trace_state') AS `Links.TraceState`,
    arrayMap(attributes -> as_map(attributes), tupleElement(links, 'attributes')) AS `Links.Attributes`
FROM otlp_traces_in
ARRAY JOIN resource_spans AS rs
ARRAY JOIN tupleElement(rs, 'scope_spans') AS ss
ARRAY JOIN tupleElement(ss, 'spans') AS span
