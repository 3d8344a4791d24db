SELECT _shard_num AS node, macro, substitution
FROM clusterAllReplicas({cluster:String}, system.macros)
WHERE macro IN ('shard', 'replica', 'cluster')
ORDER BY node, macro
SETTINGS skip_unavailable_shards = 1
