-- By session, as unified_logs.
CREATE TABLE IF NOT EXISTS session_facts ON CLUSTER `{cluster}` AS `{shard}`.session_facts
ENGINE = Distributed(`{cluster}`, `{shard}`, session_facts, sipHash64(session_id))
