ALTER TABLE calls_told
DELETE WHERE call IN (
    SELECT cityHash64(trace_id, span_id)
    FROM unified_logs
    WHERE
-- include erase/whose.sql
)
SETTINGS mutations_sync = 2, allow_nondeterministic_mutations = 1
