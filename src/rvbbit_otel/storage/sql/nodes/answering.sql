-- What each node that answers says of itself.
SELECT _shard_num AS node, hostName() AS host, version() AS version, serverTimezone() AS zone
FROM clusterAllReplicas({cluster:String}, system.one)
ORDER BY node
SETTINGS skip_unavailable_shards = 1
