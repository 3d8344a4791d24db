-- By hard links, on one replica of each shard; the others do the same or fetch.
ALTER TABLE `{database}`.`{table}` ON CLUSTER `{cluster}` ATTACH PARTITION ID '{partition}' FROM `{source}`.`{table}`
SETTINGS distributed_ddl_task_timeout = -1
