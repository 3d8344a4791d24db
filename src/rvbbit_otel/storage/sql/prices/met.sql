-- Models that were met, and for which no price was looked for yet.
SELECT DISTINCT provider, model
FROM unpriced_models
WHERE (provider, model) NOT IN (SELECT provider, model FROM model_prices)
ORDER BY provider, model
