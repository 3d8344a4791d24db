-- Each log record once: only those that otel_logs has not.
CREATE MATERIALIZED VIEW IF NOT EXISTS otel_logs_mv TO otel_logs AS
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
    LogAttributes,
    EventName,
    caller_id,
    session_id,
    record_hash
FROM log_records_in
WHERE reject = ''
    AND (Timestamp, record_hash) NOT IN (
        SELECT Timestamp, record_hash
        FROM otel_logs
        WHERE (toStartOfFiveMinutes(Timestamp), ServiceName, Timestamp) IN (
            SELECT toStartOfFiveMinutes(Timestamp), ServiceName, Timestamp FROM log_records_in WHERE reject = ''
        )
    )
LIMIT 1 BY Timestamp, record_hash
