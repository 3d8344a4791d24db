-- As calls_told.
CREATE TABLE IF NOT EXISTS span_parents ON CLUSTER `{cluster}` AS `{shard}`.span_parents
ENGINE = Distributed(`{cluster}`, `{shard}`, span_parents, sipHash64(trace_hash))
