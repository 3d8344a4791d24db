-- While its rows are here: samples of what was left out beside them, and those that name it.
ALTER TABLE rejected_spans
UPDATE sample = 'erased'
WHERE extract(sample, 'trace ([0-9a-f]{32})') IN (
        SELECT TraceId
        FROM otel_traces
        WHERE
-- include erase/whose.sql
        UNION ALL
        SELECT TraceId
        FROM otel_logs
        WHERE TraceId != '' AND (
-- include erase/whose.sql
        )
    )
    OR notEmpty(arrayMap(
-- include erase/words.sql
        , [sample])[1])
SETTINGS mutations_sync = 2, allow_nondeterministic_mutations = 1
