SYSTEM SYNC REPLICA ON CLUSTER `{cluster}` `{database}`.`{table}`
