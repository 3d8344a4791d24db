ALTER TABLE span_parents
DELETE WHERE (trace_hash, span) IN (
    SELECT bitShiftRight(cityHash64(TraceId), 24), cityHash64(SpanId)
    FROM otel_traces
    WHERE
-- include erase/whose.sql
)
SETTINGS mutations_sync = 2, allow_nondeterministic_mutations = 1
