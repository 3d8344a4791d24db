-- Every node of the cluster as the configuration has it, in the order in which clusterAllReplicas numbers them.
SELECT shard_num, replica_num, host_name
FROM system.clusters
WHERE cluster = {cluster:String}
ORDER BY shard_num, replica_num
