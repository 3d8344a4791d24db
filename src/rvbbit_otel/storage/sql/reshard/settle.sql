-- Spans that were on two shards meet here: only the copies are merged, and only where there are any.
OPTIMIZE TABLE `{database}`.`{table}` ON CLUSTER `{cluster}` PARTITION ID '{partition}' FINAL
SETTINGS distributed_ddl_task_timeout = -1
