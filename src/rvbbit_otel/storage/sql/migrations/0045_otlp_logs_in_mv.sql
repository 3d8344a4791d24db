-- Raw OTLP to the stock shape.
CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_logs_in_mv TO otel_logs_in AS
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
