-- Raw OTLP to the stock shape.
CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_logs_in_mv TO otel_logs_in AS
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
    tupleElement(record, 'time_unix_nano') AS own_time
SELECT
    time(if(own_time != 0, own_time, tupleElement(record, 'observed_time_unix_nano'))) AS Timestamp,
    id_text(tupleElement(record, 'trace_id')) AS TraceId,
    id_text(tupleElement(record, 'span_id')) AS SpanId,
    toUInt8(bitAnd(tupleElement(record, 'flags'), 255)) AS TraceFlags,
    tupleElement(record, 'severity_text') AS SeverityText,
    toUInt8(bitAnd(tupleElement(record, 'severity_number'), 255)) AS SeverityNumber,
    ResourceAttributes['service.name'] AS ServiceName,
    text(tupleElement(record, 'body')) AS Body,
    tupleElement(rl, 'schema_url') AS ResourceSchemaUrl,
    as_map(tupleElement(tupleElement(rl, 'resource'), 'attributes')) AS ResourceAttributes,
    tupleElement(sl, 'schema_url') AS ScopeSchemaUrl,
    tupleElement(tupleElement(sl, 'scope'), 'name') AS ScopeName,
    tupleElement(tupleElement(sl, 'scope'), 'version') AS ScopeVersion,
    as_map(tupleElement(tupleElement(sl, 'scope'), 'attributes')) AS ScopeAttributes,
    as_map(tupleElement(record, 'attributes')) AS LogAttributes,
    tupleElement(record, 'event_name') AS EventName
FROM otlp_logs_in
ARRAY JOIN resource_logs AS rl
ARRAY JOIN tupleElement(rl, 'scope_logs') AS sl
ARRAY JOIN tupleElement(sl, 'log_records') AS record
