-- Partitions of one table, on any shard.
SELECT DISTINCT partition_id FROM clusterAllReplicas({cluster:String}, system.parts) WHERE active AND database = {database:String} AND table = {table:String} ORDER BY partition_id
