ALTER TABLE `{database}`.`{table}` ON CLUSTER `{cluster}` ATTACH PARTITION ID '{partition}' FROM `{source}`.`{table}`
