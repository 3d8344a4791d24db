-- When a trace began and ended: Grafana's trace view looks here first, so that it reads days and not the whole table.
-- The stock table only appends; this one merges to one row a trace, so that a span sent again leaves nothing behind.
CREATE TABLE IF NOT EXISTS otel_traces_trace_id_ts
(
    TraceId String CODEC(ZSTD(1)),
    Start SimpleAggregateFunction(min, DateTime) CODEC(ZSTD(1)),
    End SimpleAggregateFunction(max, DateTime) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toDate(Start)
ORDER BY TraceId
TTL toDateTime(Start) + INTERVAL 30 DAY
SETTINGS index_granularity = 8192, min_bytes_for_full_part_storage = 10485760, ttl_only_drop_parts = 1
