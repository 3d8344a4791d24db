-- As otel_traces.
CREATE TABLE IF NOT EXISTS otel_logs ON CLUSTER `{cluster}` AS `{shard}`.otel_logs
ENGINE = Distributed(
    `{cluster}`,
    `{shard}`,
    otel_logs,
    -- include keys/log_record.sql
)
