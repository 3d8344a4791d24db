-- Our tables and views on each node, as the node would make them again.
SELECT _shard_num AS node, database, name, engine, create_table_query
FROM clusterAllReplicas({cluster:String}, system.tables)
WHERE database IN ({front:String}, {shard:String}) AND name != 'stragglers_found' AND NOT is_temporary
ORDER BY node, database, name
SETTINGS skip_unavailable_shards = 1
