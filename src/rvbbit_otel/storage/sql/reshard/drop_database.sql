DROP DATABASE IF EXISTS `{database}` ON CLUSTER `{cluster}` SYNC SETTINGS max_table_size_to_drop = 0, distributed_ddl_task_timeout = -1
