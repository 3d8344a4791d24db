-- A trace that others are in stays.
ALTER TABLE otel_traces_trace_id_ts
DELETE WHERE TraceId IN (
    SELECT TraceId
    FROM otel_traces
    WHERE
-- include erase/whose.sql
)
AND TraceId NOT IN (
    SELECT TraceId
    FROM otel_traces
    WHERE NOT (
-- include erase/whose.sql
    )
)
SETTINGS mutations_sync = 2, allow_nondeterministic_mutations = 1
