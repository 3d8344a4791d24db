-- name: duplicates
-- kind: rule
-- title: Spans that are stored twice
-- finding: Two writers stored the same span at the same moment, each before it could see the other's.
-- remedy: Merges settle it within minutes; `OPTIMIZE TABLE unified_logs FINAL` at once. Until then sums over unified_logs count it twice.
SELECT trace_id, span_id, count() AS copies
FROM unified_logs
GROUP BY trace_id, span_id
HAVING copies > 1
ORDER BY trace_id, span_id
