-- What a token costs, by the names that calls give their provider and model, in 1e-12 dollars (dollars a million tokens, times a million). Filled by
-- `rvbbit-otel prices` and by the embedded store (ADR 18). A rate: 1; from when it holds (seconds since 1970); between which seconds of the day (UTC);
-- for calls with more than so many tokens in; what a token costs that went in, was read from the cache, written to it, was audio; came out, was
-- reasoning, was audio; where that is from. The last that fits is it. No rates: looked for, and nobody knows one. Of a model's rows the last one counts.
CREATE TABLE IF NOT EXISTS model_prices
(
    provider String,
    model String,
    rates Array(Tuple(UInt8, UInt32, UInt32, UInt32, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, String))
)
ENGINE = ReplacingMergeTree
ORDER BY (provider, model)
SETTINGS index_granularity = 256
