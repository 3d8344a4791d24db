-- Blocks in which several spans may tell of one call.
CREATE MATERIALIZED VIEW IF NOT EXISTS spans_told_mv TO spans_told AS
SELECT *
FROM spans_telling
WHERE true IN (
-- include calls/contested.sql
)
