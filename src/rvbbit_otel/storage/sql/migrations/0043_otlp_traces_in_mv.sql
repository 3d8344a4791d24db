-- Raw OTLP to the stock shape.
CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_traces_in_mv TO otel_traces_in AS
WITH
    -- `tupleElement(a, 'b')` where `a.b` would read better: the engine resolves dotted names of such deep types slowly (ADR 0013).
    -- Values as text, as the collector's exporter renders them (pcommon.Value.AsString); lists and maps are text already. No value is ''.
    number -> multiIf(
        isNaN(number), 'NaN',
        isInfinite(number), if(number > 0, 'Infinity', '-Infinity'),
        abs(number) >= 1e21, replaceOne(toString(number), 'e', 'e+'),
        toString(number)
    ) AS double_text,
    value -> coalesce(
        tupleElement(value, 'string_value'),
        toString(tupleElement(value, 'int_value')),
        double_text(tupleElement(value, 'double_value')),
        if(isNull(tupleElement(value, 'bool_value')), NULL, if(tupleElement(value, 'bool_value'), 'true', 'false')),
        base64Encode(tupleElement(value, 'bytes_value')),
        ''
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
