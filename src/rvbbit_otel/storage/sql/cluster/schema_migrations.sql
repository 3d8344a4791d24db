-- What was applied to this cluster, and when: one table, of which every node of every shard is a replica.
CREATE TABLE IF NOT EXISTS schema_migrations ON CLUSTER `{cluster}`
(
    version UInt32,
    name String,
    checksum String,
    applied_at DateTime64(3) DEFAULT now64(3)
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/all/{front}/schema_migrations', '{shard}-{replica}')
ORDER BY version
