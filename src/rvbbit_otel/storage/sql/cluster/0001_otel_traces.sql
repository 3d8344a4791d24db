-- The key is that of its landing table, by which `reshard` deals it out again.
CREATE TABLE IF NOT EXISTS otel_traces ON CLUSTER `{cluster}` AS `{shard}`.otel_traces
ENGINE = Distributed(
    `{cluster}`,
    `{shard}`,
    otel_traces,
    -- include keys/span.sql
)
