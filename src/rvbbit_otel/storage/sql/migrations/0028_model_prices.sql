-- What a token costs, by the names that calls gave their provider and model, in 1e-12 dollars (dollars a million tokens, times a million). Filled by
-- `rvbbit-otel prices` and by the embedded store (ADR 18). A price holds from `since`, between `day_from` and `day_to` (seconds of a day, UTC), for
-- calls with more than `over` tokens in; the last that fits is it. No row with `known`: nobody knows a price.
CREATE TABLE IF NOT EXISTS model_prices
(
    provider String,
    model String,
    since DateTime,
    day_from UInt32,
    day_to UInt32,
    over UInt64,
    known Bool,
    rate_in UInt64,
    rate_cached UInt64,
    rate_cache_write UInt64,
    rate_audio_in UInt64,
    rate_out UInt64,
    rate_reasoning UInt64,
    rate_audio_out UInt64,
    source LowCardinality(String),
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (provider, model, since, day_from, over)
SETTINGS index_granularity = 256
