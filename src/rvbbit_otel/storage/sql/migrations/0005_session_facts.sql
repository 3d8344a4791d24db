-- What is known of a session: a row for each trace that it left rows in, and for each claim in that trace, so that two runs of one session id stay
-- apart (ADR 16). `claim`: how its rows know their caller. `session`: by the session itself. `stated`: by the row's own attribute, or baggage.
-- `inherited`: weakly. Rows that name nobody: `open` says nothing at all, `none` that the program knew nobody; both may get a caller later. `nobody`
-- never does: it was taken from a shared place, or its caller id was refused. `caller` is what the claim names, or what was found later.
-- `part`: a hash of the claim and its caller; of a row that may get a caller later one of its span, since two such rows of a trace may turn out to be of
-- two runs. Neither the key nor any column is changed by what is found later, but for `caller`.
-- Each column only ever takes the least, the greatest or a union, so that a row sent again, late or in another batch changes nothing. `usage` is keyed
-- by a hash of (trace id, span id), one entry a row that has tokens or a cost, and added up when it is read. `last_event`, of starts and ends, and the
-- first of `last_status` are twice the nanoseconds since 1970, and one more for the end of a session.
-- The views read it FINAL, by the index on `caller` where they are asked by caller: small granules and blocks, and no dictionary, which the engine
-- would read again for each of them (ADR 60).
CREATE TABLE IF NOT EXISTS session_facts
(
    session_id String CODEC(ZSTD(1)),
    trace_hash UInt64 CODEC(T64, ZSTD(1)),
    part UInt64 CODEC(T64, ZSTD(1)),
    claim SimpleAggregateFunction(max, Enum8('open' = 0, 'none' = 1, 'nobody' = 2, 'inherited' = 3, 'stated' = 4, 'session' = 5)) CODEC(ZSTD(1)),
    caller SimpleAggregateFunction(max, String) CODEC(ZSTD(1)),
    last_status SimpleAggregateFunction(max, Tuple(UInt64, String)) CODEC(ZSTD(1)),
    last_error SimpleAggregateFunction(max, Tuple(DateTime64(9, 'UTC'), String)) CODEC(ZSTD(1)),
    first_time SimpleAggregateFunction(min, DateTime64(9, 'UTC')) CODEC(T64, ZSTD(1)),
    last_time SimpleAggregateFunction(max, DateTime64(9, 'UTC')) CODEC(T64, ZSTD(1)),
    last_event SimpleAggregateFunction(max, UInt64) CODEC(T64, ZSTD(1)),
    parent SimpleAggregateFunction(max, String) CODEC(ZSTD(1)),
    cascade SimpleAggregateFunction(max, String) CODEC(ZSTD(1)),
    cascade_input SimpleAggregateFunction(max, String) CODEC(ZSTD(1)),
    cascade_depth SimpleAggregateFunction(max, UInt32) CODEC(ZSTD(1)),
    usage SimpleAggregateFunction(maxMap, Tuple(Array(UInt64), Array(Decimal(18, 12)), Array(UInt64), Array(UInt64))) CODEC(ZSTD(1)),
    INDEX idx_caller caller TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = AggregatingMergeTree
PARTITION BY toStartOfMonth(last_time)
PRIMARY KEY session_id
ORDER BY (session_id, trace_hash, part)
TTL toDateTime(last_time) + INTERVAL 365 DAY
SETTINGS index_granularity = 128, min_bytes_for_full_part_storage = 10485760, min_compress_block_size = 8192, string_serialization_version = 'single_stream'
