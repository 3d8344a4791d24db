-- Grafana: the same tables, for reading, with tighter limits, since every open browser asks again and again.
-- max_execution_time can be changed, since its plugin (clickhouse-go) sets that with each query; nothing else can.
CREATE SETTINGS PROFILE OR REPLACE rvbbit_grafana SETTINGS
    distributed_product_mode = 'global',
    load_balancing = 'in_order',
    prefer_localhost_replica = 0,
    optimize_skip_unused_shards = 1,
    max_execution_time = 60 MIN 0 MAX 300 CHANGEABLE_IN_READONLY,
    max_memory_usage = 4000000000,
    max_result_rows = 100000,
    max_concurrent_queries_for_user = 20,
    readonly = 1;
CREATE ROLE OR REPLACE rvbbit_grafana SETTINGS PROFILE 'rvbbit_grafana';
GRANT SELECT ON rvbbit.* TO rvbbit_grafana;
GRANT SELECT ON rvbbit_shard.* TO rvbbit_grafana;
-- The rule parts-set-aside: what is in no answer, since it was damaged.
GRANT SELECT(database, table, name, reason, bytes_on_disk) ON system.detached_parts TO rvbbit_grafana;
-- The panel of parts: how far merges are behind.
GRANT SELECT(database, table, active, rows, bytes_on_disk, partition) ON system.parts TO rvbbit_grafana;
CREATE QUOTA OR REPLACE rvbbit_grafana FOR INTERVAL 1 minute MAX queries = 2000, execution_time = 600 TO rvbbit_grafana;
CREATE USER OR REPLACE grafana IDENTIFIED WITH sha256_password BY {grafana_password:String};
GRANT rvbbit_grafana TO grafana;
