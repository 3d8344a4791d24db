-- Each shard looks at its own: spans of one session are on one shard, so what tells of a call in several sessions may count on several.
CREATE TABLE IF NOT EXISTS calls_told ON CLUSTER `{cluster}` AS `{shard}`.calls_told
ENGINE = Distributed(`{cluster}`, `{shard}`, calls_told, sipHash64(key))
