-- Of a cluster it is empty: its collectors keep what they can't store.
CREATE TABLE IF NOT EXISTS quarantined_requests ON CLUSTER `{cluster}` AS `{shard}`.quarantined_requests
ENGINE = Distributed(
    `{cluster}`,
    `{shard}`,
    quarantined_requests,
    sipHash64(name)
)
