-- What each shard met.
CREATE TABLE IF NOT EXISTS unpriced_models ON CLUSTER `{cluster}` AS `{shard}`.unpriced_models
ENGINE = Distributed(`{cluster}`, `{shard}`, unpriced_models, sipHash64(provider, model))
