-- A caller's root span names no session, so it lands by its trace; each column is a least or a greatest, so any shard will do.
CREATE TABLE IF NOT EXISTS caller_facts ON CLUSTER `{cluster}` AS `{shard}`.caller_facts
ENGINE = Distributed(
    `{cluster}`,
    `{shard}`,
    caller_facts,
    sipHash64(caller_id)
)
