-- For reading: no key, since rows lie where their landing key put them, by session or else by trace.
CREATE TABLE IF NOT EXISTS otel_traces ON CLUSTER `{cluster}` AS `{shard}`.otel_traces
ENGINE = Distributed(`{cluster}`, `{shard}`, otel_traces)
