-- Each shard keeps out what was erased by its own rows: fill each.
CREATE TABLE IF NOT EXISTS erased ON CLUSTER `{cluster}` AS `{shard}`.erased
ENGINE = Distributed(`{cluster}`, `{shard}`, erased, sipHash64(hash))
