-- One row a span that names a session: who triggered it, what it was, what it cost. Column names follow RVBBIT's.
-- call_ms: the duration of the row that counts for its call. The row in which only a call's price comes, later, has that call's duration again.
-- Types, codecs and the key are by what they weigh (ADR 60): rows of a second lie by trace, so that its callers do too.
CREATE TABLE IF NOT EXISTS unified_logs
(
    timestamp DateTime64(9, 'UTC') CODEC(T64, ZSTD(1)),
    session_id LowCardinality(String) CODEC(ZSTD(1)),
    trace_id LowCardinality(String) CODEC(ZSTD(1)),
    span_id String CODEC(ZSTD(3)),
    parent_id String CODEC(ZSTD(3)),
    parent_session_id String CODEC(ZSTD(1)),
    kind LowCardinality(String) CODEC(ZSTD(1)),
    node_type LowCardinality(String) CODEC(ZSTD(1)),
    role LowCardinality(String) CODEC(ZSTD(1)),
    name LowCardinality(String) CODEC(ZSTD(1)),
    cascade_id LowCardinality(String) CODEC(ZSTD(1)),
    cell_name LowCardinality(String) CODEC(ZSTD(1)),
    tool_name LowCardinality(String) CODEC(ZSTD(1)),
    take_index Nullable(Int32) CODEC(ZSTD(1)),
    model LowCardinality(String) CODEC(ZSTD(1)),
    provider LowCardinality(String) CODEC(ZSTD(1)),
    response_id String CODEC(ZSTD(1)),
    user_id LowCardinality(String) CODEC(ZSTD(1)),
    usage_counted Bool CODEC(ZSTD(1)),
    tokens_in UInt64 CODEC(ZSTD(1)),
    tokens_out UInt64 CODEC(T64, ZSTD(1)),
    tokens_cached UInt64 CODEC(T64, ZSTD(1)),
    tokens_cache_write UInt64 CODEC(T64, ZSTD(1)),
    tokens_reasoning UInt64 CODEC(T64, ZSTD(1)),
    tokens_audio_in UInt64 CODEC(T64, ZSTD(1)),
    tokens_audio_out UInt64 CODEC(T64, ZSTD(1)),
    cost Decimal(18, 12) CODEC(ZSTD(3)),
    cost_source LowCardinality(String) CODEC(ZSTD(1)),
    told_tokens_in UInt64 CODEC(T64, ZSTD(1)),
    told_tokens_out UInt64 CODEC(T64, ZSTD(1)),
    told_cost Nullable(Decimal(18, 12)) CODEC(ZSTD(1)),
    duration_ms Decimal(18, 6) CODEC(T64, ZSTD(1)),
    status LowCardinality(String) CODEC(ZSTD(1)),
    error String CODEC(ZSTD(1)),
    content String CODEC(ZSTD(1)),
    metadata String CODEC(ZSTD(1)),
    caller_id LowCardinality(String) CODEC(ZSTD(6)),
    caller_source LowCardinality(String) CODEC(ZSTD(1)),
    caller_origin LowCardinality(String) CODEC(ZSTD(1)),
    caller_conflict LowCardinality(String) CODEC(ZSTD(1)),
    caller_candidate LowCardinality(String) CODEC(ZSTD(1)),
    claim Enum8('open' = 0, 'none' = 1, 'nobody' = 2, 'inherited' = 3, 'stated' = 4, 'session' = 5) CODEC(ZSTD(1)),
    service_name LowCardinality(String) CODEC(ZSTD(1)),
    call_ms Decimal(18, 6) ALIAS if(usage_counted AND node_type != 'usage', duration_ms, toDecimal64(0, 6)),
    INDEX idx_caller_id caller_id TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_session_id session_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_trace_id trace_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree
PARTITION BY toDate(timestamp)
PRIMARY KEY (toDateTime(timestamp), trace_id, session_id)
ORDER BY (toDateTime(timestamp), trace_id, session_id, timestamp, span_id)
TTL toDateTime(timestamp) + INTERVAL 365 DAY
SETTINGS index_granularity = 8192, min_bytes_for_full_part_storage = 10485760, ttl_only_drop_parts = 1
