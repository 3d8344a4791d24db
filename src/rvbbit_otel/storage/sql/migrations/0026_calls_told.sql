-- Who told of a call to a model, and what of it was counted, for spans that come later and tell of the same one (ADR 17). A row for each of `call_keys`:
-- spans that tell of one call share a key. Dollars in 1e-12; told_cost NULL where none was stated. `start` and `finish` are those of the span; `alike`:
-- it is told from others by this key; a runner's row by its session alone.
CREATE TABLE IF NOT EXISTS calls_told
(
    key UInt64 CODEC(ZSTD(1)),
    call UInt64 CODEC(ZSTD(1)),
    own Bool CODEC(ZSTD(1)),
    alike Bool CODEC(ZSTD(1)),
    scope UInt64 CODEC(ZSTD(1)),
    detail UInt8 CODEC(ZSTD(1)),
    trace_hash UInt64 CODEC(ZSTD(1)),
    span UInt64 CODEC(ZSTD(1)),
    parent UInt64 CODEC(ZSTD(1)),
    start DateTime64(9) CODEC(ZSTD(1)),
    finish DateTime64(9) CODEC(ZSTD(1)),
    told_in UInt64 CODEC(T64, ZSTD(1)),
    told_out UInt64 CODEC(T64, ZSTD(1)),
    told_cost Nullable(Int64) CODEC(ZSTD(1)),
    counted_in UInt64 CODEC(T64, ZSTD(1)),
    counted_out UInt64 CODEC(T64, ZSTD(1)),
    counted_cost Int64 CODEC(T64, ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toMonday(start)
ORDER BY (key, call)
TTL toDateTime(start) + INTERVAL 35 DAY
SETTINGS index_granularity = 256, min_bytes_for_full_part_storage = 10485760
