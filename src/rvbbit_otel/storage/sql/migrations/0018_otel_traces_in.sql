-- The landing table for the collector: exactly the columns of clickhouseexporter 0.157 (traces_table_name: otel_traces_in). Nothing is kept here.
-- `closed` refuses every insert until the views behind are there: `migrate` drops it last (ADR 57).
CREATE TABLE IF NOT EXISTS otel_traces_in
(
    Timestamp DateTime64(9),
    TraceId String,
    SpanId String,
    ParentSpanId String,
    TraceState String,
    SpanName LowCardinality(String),
    SpanKind LowCardinality(String),
    ServiceName LowCardinality(String),
    ResourceAttributes Map(LowCardinality(String), String),
    ScopeName String,
    ScopeVersion String,
    SpanAttributes Map(LowCardinality(String), String),
    Duration UInt64,
    StatusCode LowCardinality(String),
    StatusMessage String,
    Events Nested
    (
        Timestamp DateTime64(9),
        Name LowCardinality(String),
        Attributes Map(LowCardinality(String), String)
    ),
    Links Nested
    (
        TraceId String,
        SpanId String,
        TraceState String,
        Attributes Map(LowCardinality(String), String)
    ),
    -- include landing/closed.sql
)
ENGINE = Null
