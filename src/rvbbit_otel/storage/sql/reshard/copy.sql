-- One partition of one table, dealt out by the key of the table that it is written to.
INSERT INTO `{table}`
SELECT *
FROM `{front}`.`{table}`
WHERE _partition_id = {partition:String}
SETTINGS distributed_foreground_insert = 1, prefer_localhost_replica = 0, max_execution_time = 0
