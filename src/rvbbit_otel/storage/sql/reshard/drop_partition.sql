-- Without the server's limit on what is dropped at once: it is dropped for what was proven to be the same.
ALTER TABLE `{database}`.`{table}` ON CLUSTER `{cluster}` DROP PARTITION ID '{partition}'
SETTINGS max_partition_size_to_drop = 0, distributed_ddl_task_timeout = -1
