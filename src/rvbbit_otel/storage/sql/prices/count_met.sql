-- Without a condition the engine knows this without reading.
SELECT count() FROM unpriced_models
