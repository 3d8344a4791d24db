-- All other blocks than those of spans_in_mv, as one, since what their other spans tell counts too.
CREATE MATERIALIZED VIEW IF NOT EXISTS spans_telling_mv TO spans_telling AS
SELECT *
FROM spans_owned
WHERE true IN (
    SELECT tells AND (NOT own OR told_cost IS NULL AND NOT awaited) FROM spans_owned
    UNION ALL
    SELECT NOT own OR told_cost IS NULL AND NOT awaited FROM calls_told WHERE key IN (SELECT arrayJoin(call_keys) FROM spans_owned)
)
