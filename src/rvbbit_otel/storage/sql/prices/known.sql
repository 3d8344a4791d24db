-- Every model that was met, and its rates.
SELECT provider, model, rates FROM model_prices FINAL ORDER BY provider, model
