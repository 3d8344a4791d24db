-- Raw OTLP to the stock shape.
CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_traces_in_mv TO otel_traces_in AS
WITH
    -- Values as text, as the collector's exporter renders them: pcommon.Value.AsString. What is empty (no value, an empty list) is ''.
    number -> multiIf(isNaN(number), 'NaN', isInfinite(number), if(number > 0, 'Infinity', '-Infinity'), toString(number)) AS double_text,
    scalar -> coalesce(
        if(isNull(scalar.string_value), NULL, toJSONString(assumeNotNull(scalar.string_value))),
        toString(scalar.int_value),
        if(isFinite(scalar.double_value), toString(scalar.double_value), NULL),
        if(scalar.bool_value, 'true', 'false'),
        concat('"', base64Encode(scalar.bytes_value), '"'),
        'null'
    ) AS json,
    value -> coalesce(
        value.string_value,
        toString(value.int_value),
        double_text(value.double_value),
        if(value.bool_value, 'true', if(isNull(value.bool_value), NULL, 'false')),
        base64Encode(value.bytes_value),
        multiIf(
            notEmpty(value.array_value.values), concat('[', arrayStringConcat(arrayMap(item -> json(item), value.array_value.values), ','), ']'),
            notEmpty(value.kvlist_value.values), concat('{', arrayStringConcat(
                arrayMap(pair -> concat(toJSONString(pair.key), ':', json(pair.value)), arraySort(pair -> pair.key, value.kvlist_value.values)), ','), '}'),
            ''
        )
    ) AS text,
    attributes -> mapFromArrays(attributes.key, arrayMap(value -> text(value), attributes.value)) AS as_map,
    -- An id of zeros only is no id.
    bytes -> if(match(bytes, '^\\0*$'), '', lower(hex(bytes))) AS id_text
SELECT
    fromUnixTimestamp64Nano(reinterpretAsInt64(span.start_time_unix_nano)) AS Timestamp,
    id_text(span.trace_id) AS TraceId,
    id_text(span.span_id) AS SpanId,
    id_text(span.parent_span_id) AS ParentSpanId,
    span.trace_state AS TraceState,
    span.name AS SpanName,
    transform(span.kind, [0, 1, 2, 3, 4, 5], ['Unspecified', 'Internal', 'Server', 'Client', 'Producer', 'Consumer'], '') AS SpanKind,
    ResourceAttributes['service.name'] AS ServiceName,
    as_map(rs.resource.attributes) AS ResourceAttributes,
    ss.scope.name AS ScopeName,
    ss.scope.version AS ScopeVersion,
    as_map(span.attributes) AS SpanAttributes,
    span.end_time_unix_nano - span.start_time_unix_nano AS Duration,
    transform(span.status.code, [0, 1, 2], ['Unset', 'Ok', 'Error'], '') AS StatusCode,
    span.status.message AS StatusMessage,
    arrayMap(nanoseconds -> fromUnixTimestamp64Nano(reinterpretAsInt64(nanoseconds)), span.events.time_unix_nano) AS `Events.Timestamp`,
    span.events.name AS `Events.Name`,
    arrayMap(attributes -> as_map(attributes), span.events.attributes) AS `Events.Attributes`,
    arrayMap(bytes -> id_text(bytes), span.links.trace_id) AS `Links.TraceId`,
    arrayMap(bytes -> id_text(bytes), span.links.span_id) AS `Links.SpanId`,
    span.links.trace_state AS `Links.TraceState`,
    arrayMap(attributes -> as_map(attributes), span.links.attributes) AS `Links.Attributes`
FROM otlp_traces_in
ARRAY JOIN resource_spans AS rs
ARRAY JOIN rs.scope_spans AS ss
ARRAY JOIN ss.spans AS span
