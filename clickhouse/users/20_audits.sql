-- Audits, reports and people who ask: all of our tables, for reading. What one of them may cost is bounded. Of a cluster they read the replica that
-- inserts go to, so what was acknowledged is in the answer.
CREATE SETTINGS PROFILE OR REPLACE rvbbit_audits SETTINGS
    distributed_product_mode = 'global',
    load_balancing = 'in_order',
    prefer_localhost_replica = 0,
    optimize_skip_unused_shards = 1,
    max_execution_time = 300 CHANGEABLE_IN_READONLY,
    max_memory_usage = 8000000000,
    max_bytes_before_external_group_by = 4000000000,
    readonly = 1;
CREATE ROLE OR REPLACE rvbbit_audits SETTINGS PROFILE 'rvbbit_audits';
GRANT SELECT ON rvbbit.* TO rvbbit_audits;
-- The rule parts-set-aside: what is in no answer, since it was damaged.
GRANT SELECT(database, table, name, reason, bytes_on_disk) ON system.detached_parts TO rvbbit_audits;
-- Of a cluster: a view in front is read with the reader's own rights, on the shards too.
GRANT SELECT ON rvbbit_shard.* TO rvbbit_audits;
CREATE QUOTA OR REPLACE rvbbit_audits FOR INTERVAL 1 hour MAX queries = 2000, errors = 500, execution_time = 3600 TO rvbbit_audits;
CREATE USER OR REPLACE auditor IDENTIFIED WITH sha256_password BY {auditor_password:String};
GRANT rvbbit_audits TO auditor;
