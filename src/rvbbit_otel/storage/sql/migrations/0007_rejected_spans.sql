-- What was left out, and why: one row for each reason in each block that had any. A span sent again is refused, and counted, again.
CREATE TABLE IF NOT EXISTS rejected_spans
(
    rejected_at DateTime64(3) DEFAULT now64(3),
    signal LowCardinality(String),
    reason LowCardinality(String),
    left_out_of LowCardinality(String),
    count UInt64,
    sample String
)
ENGINE = MergeTree
PARTITION BY toDate(rejected_at)
ORDER BY rejected_at
TTL toDateTime(rejected_at) + INTERVAL 30 DAY
SETTINGS index_granularity = 8192, min_bytes_for_full_part_storage = 10485760, ttl_only_drop_parts = 1
