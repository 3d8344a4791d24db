ALTER TABLE `{database}`.`{table}` ON CLUSTER `{cluster}` DROP PARTITION ID '{partition}'
