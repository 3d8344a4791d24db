-- A block goes on as it is where none of its spans tells of a call, or all are rows of instrumented runners with their price, and no other told of these calls.
CREATE MATERIALIZED VIEW IF NOT EXISTS spans_in_mv TO spans_in AS
SELECT *
FROM spans_owned
WHERE true NOT IN (
    SELECT tells AND (NOT own OR told_cost IS NULL AND NOT awaited) FROM spans_owned
    UNION ALL
    SELECT NOT own OR told_cost IS NULL AND NOT awaited FROM calls_told WHERE key IN (SELECT arrayJoin(call_keys) FROM spans_owned)
)
