-- A shard prices by its own rows: fill each (ADR 18).
CREATE TABLE IF NOT EXISTS model_prices ON CLUSTER `{cluster}` AS `{shard}`.model_prices
ENGINE = Distributed(`{cluster}`, `{shard}`, model_prices, sipHash64(provider, model))
