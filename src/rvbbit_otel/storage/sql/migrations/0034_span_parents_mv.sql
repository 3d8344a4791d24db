-- Spans that others may lie in: log rows have no length, and the first of a trace lies in none.
CREATE MATERIALIZED VIEW IF NOT EXISTS span_parents_mv TO span_parents AS
SELECT trace_hash, cityHash64(SpanId) AS span, cityHash64(ParentSpanId) AS parent, toDate(Timestamp) AS day
FROM spans_in
WHERE reject = '' AND ParentSpanId != '' AND kind != 'log'
