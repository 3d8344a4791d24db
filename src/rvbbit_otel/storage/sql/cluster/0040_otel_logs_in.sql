-- Deals log records out by session, else by trace, else by their text: all that lacks both must not meet on one shard.
CREATE TABLE IF NOT EXISTS otel_logs_in ON CLUSTER `{cluster}` AS `{shard}`.otel_logs_in
ENGINE = Distributed(
    `{cluster}`,
    `{shard}`,
    otel_logs_in,
    -- include keys/log_record.sql
)
