-- The collector: it may put spans and log records into the landing tables, and nothing else. It can read nothing, not even what it wrote.
CREATE SETTINGS PROFILE OR REPLACE rvbbit_collector SETTINGS
    async_insert = 0 CONST,
    distributed_foreground_insert = 1 CONST,
    insert_deduplicate = 0 CONST,
    max_execution_time = 60,
    max_memory_usage = 4000000000;
CREATE ROLE OR REPLACE rvbbit_collector SETTINGS PROFILE 'rvbbit_collector';
-- INSERT brings the right to see these tables' columns, which clickhouse-go asks for over HTTP; its greeting asks for functions only.
GRANT INSERT ON rvbbit.otel_traces_in TO rvbbit_collector;
GRANT INSERT ON rvbbit.otel_logs_in TO rvbbit_collector;
-- Of a cluster: a Distributed table hands rows on to the shards with the sender's own rights.
GRANT INSERT ON rvbbit_shard.otel_traces_in TO rvbbit_collector;
GRANT INSERT ON rvbbit_shard.otel_logs_in TO rvbbit_collector;
CREATE USER OR REPLACE collector IDENTIFIED WITH sha256_password BY {collector_password:String};
GRANT rvbbit_collector TO collector;
