-- Each shard counts what it refused.
CREATE TABLE IF NOT EXISTS rejected_spans ON CLUSTER `{cluster}` AS `{shard}`.rejected_spans
ENGINE = Distributed(
    `{cluster}`,
    `{shard}`,
    rejected_spans,
    sipHash64(sample)
)
