-- Which span is in which: what a call lies in is looked up here, through spans that tell of no call. Hashes, since nobody reads them.
CREATE TABLE IF NOT EXISTS span_parents
(
    trace_hash UInt64 CODEC(T64, ZSTD(1)),
    span UInt64 CODEC(NONE),
    parent UInt64 CODEC(NONE),
    day Date CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toMonday(day)
ORDER BY (trace_hash, span)
TTL day + INTERVAL 8 DAY
SETTINGS index_granularity = 1024, min_bytes_for_full_part_storage = 10485760
