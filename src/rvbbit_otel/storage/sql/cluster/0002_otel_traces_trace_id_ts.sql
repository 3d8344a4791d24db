-- A trace of several sessions has a row on each of their shards, which min(Start) and max(End) put together: any shard will do.
CREATE TABLE IF NOT EXISTS otel_traces_trace_id_ts ON CLUSTER `{cluster}` AS `{shard}`.otel_traces_trace_id_ts
ENGINE = Distributed(
    `{cluster}`,
    `{shard}`,
    otel_traces_trace_id_ts,
    sipHash64(concat('trace-', TraceId))
)
