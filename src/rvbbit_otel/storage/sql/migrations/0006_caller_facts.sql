-- What is known of a caller, from its root span: the whole metadata is sent there once and nowhere else.
CREATE TABLE IF NOT EXISTS caller_facts
(
    caller_id String CODEC(ZSTD(1)),
    caller_origin SimpleAggregateFunction(max, String) CODEC(ZSTD(1)),
    caller_metadata SimpleAggregateFunction(max, String) CODEC(ZSTD(1)),
    caller_digest SimpleAggregateFunction(max, String) CODEC(ZSTD(1)),
    query_text SimpleAggregateFunction(max, String) CODEC(ZSTD(1)),
    user_id SimpleAggregateFunction(max, String) CODEC(ZSTD(1)),
    first_time SimpleAggregateFunction(min, DateTime64(9, 'UTC')) CODEC(ZSTD(1)),
    last_time SimpleAggregateFunction(max, DateTime64(9, 'UTC')) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toStartOfMonth(last_time)
ORDER BY caller_id
TTL toDateTime(last_time) + INTERVAL 365 DAY
SETTINGS index_granularity = 8192, min_bytes_for_full_part_storage = 10485760
