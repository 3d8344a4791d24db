-- Who told of a call to a model, and what of it was counted, for spans that come later and tell of the same one (ADR 17). A row for each of `call_keys`:
-- spans that tell of one call share a key. Dollars in 1e-12; told_cost NULL where none was stated. `start` and `finish` are those of the span; `session`:
-- a hash of its session and caller; `response`: one of its response id, or 0; `unique_id`: that is too long to come again by chance; `awaited`: its price comes in a
-- row of its own; `beside`: that another one in the same outer span tells of the same tokens (1) or the same price (2), so that it adds nothing there;
-- `replaces`: calls whose computed price made room for the one that it states: they are not priced anew.
CREATE TABLE IF NOT EXISTS calls_told
(
    key UInt64 CODEC(ZSTD(1)),
    call UInt64 CODEC(ZSTD(1)),
    own Bool CODEC(ZSTD(1)),
    scope UInt64 CODEC(ZSTD(1)),
    detail UInt8 CODEC(ZSTD(1)),
    trace_hash UInt64 CODEC(ZSTD(1)),
    session UInt64 CODEC(ZSTD(1)),
    response UInt64 CODEC(ZSTD(1)),
    unique_id Bool CODEC(ZSTD(1)),
    awaited Bool CODEC(ZSTD(1)),
    span UInt64 CODEC(ZSTD(1)),
    parent UInt64 CODEC(ZSTD(1)),
    start DateTime64(9) CODEC(ZSTD(1)),
    finish DateTime64(9) CODEC(ZSTD(1)),
    told_in UInt64 CODEC(T64, ZSTD(1)),
    told_out UInt64 CODEC(T64, ZSTD(1)),
    told_cost Nullable(Int64) CODEC(ZSTD(1)),
    counted_in UInt64 CODEC(T64, ZSTD(1)),
    counted_out UInt64 CODEC(T64, ZSTD(1)),
    counted_cost Int64 CODEC(T64, ZSTD(1)),
    beside UInt8 CODEC(ZSTD(1)),
    replaces Array(UInt64) CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toMonday(start)
ORDER BY (key, call)
TTL toDateTime(start) + INTERVAL 35 DAY
SETTINGS index_granularity = 256, min_bytes_for_full_part_storage = 10485760
