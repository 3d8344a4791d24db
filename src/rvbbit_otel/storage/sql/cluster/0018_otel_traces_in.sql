-- Deals spans out by session, or by the one that its trace stands for where none is named. A span sent again has the same key, so it meets the guard of
-- the shard that has it; and its row is on the shard that a question for its session asks.
CREATE TABLE IF NOT EXISTS otel_traces_in ON CLUSTER `{cluster}` AS `{shard}`.otel_traces_in
ENGINE = Distributed(
    `{cluster}`,
    `{shard}`,
    otel_traces_in,
    -- include keys/span.sql
)
