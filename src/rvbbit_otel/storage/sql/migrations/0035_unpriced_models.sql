-- Which providers and models were met that have no price, by the names that their calls gave: `rvbbit-otel prices` looks for one.
CREATE TABLE IF NOT EXISTS unpriced_models
(
    provider String,
    model String,
    first_time SimpleAggregateFunction(min, DateTime64(9)),
    last_time SimpleAggregateFunction(max, DateTime64(9)),
    calls SimpleAggregateFunction(sum, UInt64)
)
ENGINE = AggregatingMergeTree
ORDER BY (provider, model)
SETTINGS index_granularity = 256
