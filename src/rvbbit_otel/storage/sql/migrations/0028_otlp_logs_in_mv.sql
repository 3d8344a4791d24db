-- Raw OTLP to the stock shape.
CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_logs_in_mv TO otel_logs_in AS
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
    fromUnixTimestamp64Nano(reinterpretAsInt64(if(record.time_unix_nano != 0, record.time_unix_nano, record.observed_time_unix_nano))) AS Timestamp,
    id_text(record.trace_id) AS TraceId,
    id_text(record.span_id) AS SpanId,
    toUInt8(bitAnd(record.flags, 255)) AS TraceFlags,
    record.severity_text AS SeverityText,
    toUInt8(bitAnd(record.severity_number, 255)) AS SeverityNumber,
    ResourceAttributes['service.name'] AS ServiceName,
    text(record.body) AS Body,
    rl.schema_url AS ResourceSchemaUrl,
    as_map(rl.resource.attributes) AS ResourceAttributes,
    sl.schema_url AS ScopeSchemaUrl,
    sl.scope.name AS ScopeName,
    sl.scope.version AS ScopeVersion,
    as_map(sl.scope.attributes) AS ScopeAttributes,
    as_map(record.attributes) AS LogAttributes,
    record.event_name AS EventName
FROM otlp_logs_in
ARRAY JOIN resource_logs AS rl
ARRAY JOIN rl.scope_logs AS sl
ARRAY JOIN sl.log_records AS record
