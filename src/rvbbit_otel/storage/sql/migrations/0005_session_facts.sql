-- What is known of a session. Each column only ever takes the least, the greatest or a union, so that a row sent again, late or in another
-- batch changes nothing. `usage` is keyed by a hash of (trace id, span id), one entry a row that has tokens or a cost, and added up when it is read.
-- The views read it FINAL, by the index on `caller` where they are asked by caller: small granules and blocks, and no dictionary, which the engine
-- would read again for each of them (ADR 60).
CREATE TABLE IF NOT EXISTS session_facts
(
    session_id String CODEC(ZSTD(1)),
    caller SimpleAggregateFunction(max, String) CODEC(ZSTD(1)),
    callers AggregateFunction(groupUniqArray(16), String) CODEC(ZSTD(3)),
    last_status SimpleAggregateFunction(max, Tuple(DateTime64(9), UInt8, String)) CODEC(ZSTD(1)),
    last_error SimpleAggregateFunction(max, Tuple(DateTime64(9), String)) CODEC(ZSTD(1)),
    first_time SimpleAggregateFunction(min, DateTime64(9)) CODEC(T64, ZSTD(1)),
    last_time SimpleAggregateFunction(max, DateTime64(9)) CODEC(T64, ZSTD(1)),
    end_time SimpleAggregateFunction(max, DateTime64(9)) CODEC(T64, ZSTD(1)),
    parent SimpleAggregateFunction(max, String) CODEC(ZSTD(1)),
    cascade SimpleAggregateFunction(max, String) CODEC(ZSTD(1)),
    cascade_input SimpleAggregateFunction(max, String) CODEC(ZSTD(1)),
    cascade_depth SimpleAggregateFunction(max, UInt32) CODEC(ZSTD(1)),
    usage SimpleAggregateFunction(maxMap, Tuple(Array(UInt64), Array(Float64), Array(UInt64), Array(UInt64))) CODEC(ZSTD(1)),
    INDEX idx_caller caller TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = AggregatingMergeTree
PARTITION BY toStartOfMonth(last_time)
ORDER BY session_id
TTL toDateTime(last_time) + INTERVAL 365 DAY
SETTINGS index_granularity = 128, min_bytes_for_full_part_storage = 10485760, min_compress_block_size = 8192, string_serialization_version = 'single_stream', ttl_only_drop_parts = 1
