-- The collector: it may put spans and log records into the landing tables, and nothing else. It can read nothing, not even what it wrote.
-- Of a cluster (ADR 57): every insert for a shard goes to the same replica as long as that one answers, since a guard sees what its own replica has; and is
-- acknowledged when the shard has it. No window of the engine's leaves out blocks that it has seen: a block whose rows were lost would stay lost for as
-- long as the window (ADR 10). From server 26.2 on that is said by `deduplicate_insert`: since_26_2/10_deduplicate_insert.sql.
CREATE SETTINGS PROFILE OR REPLACE rvbbit_collector SETTINGS
    async_insert = 0 CONST,
    distributed_foreground_insert = 1 CONST,
    insert_deduplicate = 0 CONST,
    load_balancing = 'in_order' CONST,
    prefer_localhost_replica = 0 CONST,
    max_execution_time = 35,
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
