-- The landing table for the collector: exactly the columns of clickhouseexporter 0.157 (logs_table_name: otel_logs_in). Nothing is kept here.
-- `closed` refuses every insert until the views behind are there: `migrate` drops it last (ADR 57).
CREATE TABLE IF NOT EXISTS otel_logs_in
(
    Timestamp DateTime64(9),
    TraceId String,
    SpanId String,
    TraceFlags UInt8,
    SeverityText LowCardinality(String),
    SeverityNumber UInt8,
    ServiceName LowCardinality(String),
    Body String,
    ResourceSchemaUrl LowCardinality(String),
    ResourceAttributes Map(LowCardinality(String), String),
    ScopeSchemaUrl LowCardinality(String),
    ScopeName String,
    ScopeVersion LowCardinality(String),
    ScopeAttributes Map(LowCardinality(String), String),
    LogAttributes Map(LowCardinality(String), String),
    EventName String,
    -- include landing/closed.sql
)
ENGINE = Null
