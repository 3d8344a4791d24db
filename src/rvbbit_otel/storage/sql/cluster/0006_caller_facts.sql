-- For reading: a caller's root span names no session, so it lies by its trace.
CREATE TABLE IF NOT EXISTS caller_facts ON CLUSTER `{cluster}` AS `{shard}`.caller_facts
ENGINE = Distributed(`{cluster}`, `{shard}`, caller_facts)
