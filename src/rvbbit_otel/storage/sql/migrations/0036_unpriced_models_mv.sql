-- Calls that were counted and have no price yet.
CREATE MATERIALIZED VIEW IF NOT EXISTS unpriced_models_mv TO unpriced_models AS
SELECT provider, model, min(Timestamp) AS first_time, max(Timestamp) AS last_time, count() AS calls
FROM spans_in
WHERE is_row AND cost_source = 'unpriced'
GROUP BY provider, model
