-- Log records on their way: the stock columns and what is read out of them. Nothing is kept here.
CREATE TABLE IF NOT EXISTS log_records_in
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
    reject LowCardinality(String),
    session_fault LowCardinality(String),
    caller_fault LowCardinality(String),
    caller_id String,
    session_id String,
    record_hash UInt64
)
ENGINE = Null
