-- By session: its rows meet on one shard, and a query for one session asks that shard only (optimize_skip_unused_shards).
CREATE TABLE IF NOT EXISTS unified_logs ON CLUSTER `{cluster}` AS `{shard}`.unified_logs
ENGINE = Distributed(`{cluster}`, `{shard}`, unified_logs, sipHash64(session_id))
