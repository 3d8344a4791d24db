-- A block with stragglers, as one, since what its other spans say counts too.
CREATE MATERIALIZED VIEW IF NOT EXISTS spans_sought_mv TO spans_sought AS
SELECT *
FROM spans_stated
WHERE true IN (SELECT is_row AND claim IN ('open', 'none') FROM spans_stated)
