-- As copy.sql, to one shard, of tables that every shard looks into by itself.
INSERT INTO `{table}`
SELECT *
FROM `{front}`.`{table}`
WHERE _partition_id = {partition:String}
SETTINGS distributed_foreground_insert = 1, prefer_localhost_replica = 0, max_execution_time = 0, insert_shard_id = {number}
