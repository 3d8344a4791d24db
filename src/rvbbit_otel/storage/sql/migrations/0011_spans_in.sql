-- Spans on their way: the stock columns and what is read out of them, worked out once for all the tables behind. Nothing is kept here.
-- reject: why the span is left out of every table ('' keeps it). session_fault, caller_fault: why that one column stays empty.
-- is_row: the span is a row of unified_logs and counts for its session. trace_hash, claim: as in session_facts.
-- told_*: the usage that the span states, whether it counts or not; told_cost in billionths of a thousandth of a dollar (1e-12), NULL where none is stated.
-- tells: it may count. own: a row of an instrumented runner, which says itself that it counts. awaited: its price will come in a row of its own.
-- call: a hash of trace id and span id. call_keys: hashes of its trace, of its session and caller, and of its response id: spans that tell of one call share one (ADR 17).
-- beside, replaces: as in calls_told.
CREATE TABLE IF NOT EXISTS spans_in
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
    reject LowCardinality(String),
    session_fault LowCardinality(String),
    caller_fault LowCardinality(String),
    is_row Bool,
    session_id String,
    trace_hash UInt64,
    claim Enum8('open' = 0, 'none' = 1, 'nobody' = 2, 'inherited' = 3, 'stated' = 4, 'session' = 5),
    parent_session_id String,
    session_event LowCardinality(String),
    session_status LowCardinality(String),
    caller_id String,
    caller_source LowCardinality(String),
    caller_candidate LowCardinality(String),
    caller_origin LowCardinality(String),
    kind LowCardinality(String),
    cascade_id String,
    model LowCardinality(String),
    provider LowCardinality(String),
    response_id String,
    user_id LowCardinality(String),
    call UInt64,
    call_keys Array(UInt64),
    own Bool,
    tells Bool,
    awaited Bool,
    told_in UInt64,
    told_out UInt64,
    told_cached UInt64,
    told_cache_write UInt64,
    told_reasoning UInt64,
    told_audio_in UInt64,
    told_audio_out UInt64,
    told_cost Nullable(Int64),
    usage_fault LowCardinality(String),
    usage_counted Bool,
    tokens_in UInt64,
    tokens_out UInt64,
    cost Decimal(18, 12),
    cost_source LowCardinality(String),
    beside UInt8,
    replaces Array(UInt64),
    duration_ms Decimal(18, 6),
    end_time DateTime64(9),
    error String
)
ENGINE = Null
