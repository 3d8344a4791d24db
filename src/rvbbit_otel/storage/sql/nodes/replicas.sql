-- Where each Replicated table of ours is kept in Keeper, and who else is there.
SELECT _shard_num AS node, database, table, zookeeper_path, replica_name, toUInt64(total_replicas) AS replicas, is_readonly OR is_session_expired AS lost
FROM clusterAllReplicas({cluster:String}, system.replicas)
WHERE database IN ({front:String}, {shard:String})
ORDER BY node, database, table
SETTINGS skip_unavailable_shards = 1
