-- name: erased-data-present
-- kind: rule
-- title: Rows of what was erased
-- finding: One row a table: an erasure was cut off, or a copy of it came in by another way, such as a part that was attached or a backup that was restored.
-- remedy: `rvbbit-otel erase` with anything that was erased before, and `--yes`: it removes all that was ever erased.
-- parameter: since DateTime = 1970-01-01 00:00:00
-- parameter: until DateTime = 2106-01-01 00:00:00
SELECT in_table, rows
FROM
(
    SELECT 'unified_logs' AS in_table, count() AS rows
    FROM unified_logs
    WHERE timestamp >= {since:DateTime} AND timestamp < {until:DateTime} AND (
        sipHash64('caller', toString(caller_id)) IN (SELECT hash FROM erased)
        OR sipHash64('session', toString(session_id)) IN (SELECT hash FROM erased)
        OR sipHash64('caller', toString(caller_conflict)) IN (SELECT hash FROM erased)
        OR sipHash64('caller', toString(caller_candidate)) IN (SELECT hash FROM erased)
        OR sipHash64('session', parent_session_id) IN (SELECT hash FROM erased)
    )
    UNION ALL
    SELECT 'otel_traces' AS in_table, count() AS rows
    FROM otel_traces
    WHERE Timestamp >= {since:DateTime} AND Timestamp < {until:DateTime} AND (
        sipHash64('caller', toString(caller_id)) IN (SELECT hash FROM erased)
        OR sipHash64('session', toString(session_id)) IN (SELECT hash FROM erased)
        OR sipHash64('caller', SpanAttributes['rvbbit.caller.conflict']) IN (SELECT hash FROM erased)
        OR sipHash64('caller', SpanAttributes['rvbbit.caller.candidate']) IN (SELECT hash FROM erased)
        OR sipHash64('session', SpanAttributes['rvbbit.session.parent_id']) IN (SELECT hash FROM erased)
    )
    UNION ALL
    SELECT 'otel_logs' AS in_table, count() AS rows
    FROM otel_logs
    WHERE Timestamp >= {since:DateTime} AND Timestamp < {until:DateTime} AND (
        sipHash64('caller', toString(caller_id)) IN (SELECT hash FROM erased)
        OR sipHash64('session', toString(session_id)) IN (SELECT hash FROM erased)
        OR sipHash64('caller', LogAttributes['rvbbit.caller.conflict']) IN (SELECT hash FROM erased)
        OR sipHash64('caller', LogAttributes['rvbbit.caller.candidate']) IN (SELECT hash FROM erased)
        OR notEmpty(arrayFilter(
            word -> sipHash64('caller', word) IN (SELECT hash FROM erased) OR sipHash64('session', word) IN (SELECT hash FROM erased),
            extractAll(Body, '[A-Za-z0-9_]+(?:[.:-]+[A-Za-z0-9_]+)*')
        ))
    )
    UNION ALL
    SELECT 'session_facts' AS in_table, count() AS rows
    FROM session_facts
    WHERE last_time >= {since:DateTime} AND last_time < {until:DateTime} AND (
        sipHash64('caller', caller) IN (SELECT hash FROM erased)
        OR sipHash64('session', session_id) IN (SELECT hash FROM erased)
        OR sipHash64('session', parent) IN (SELECT hash FROM erased)
    )
    UNION ALL
    SELECT 'caller_facts' AS in_table, count() AS rows
    FROM caller_facts
    WHERE last_time >= {since:DateTime} AND last_time < {until:DateTime} AND (
        sipHash64('caller', caller_id) IN (SELECT hash FROM erased)
    )
    UNION ALL
    SELECT 'rejected_spans' AS in_table, count() AS rows
    FROM rejected_spans
    WHERE rejected_at >= {since:DateTime} AND rejected_at < {until:DateTime} AND (
        notEmpty(arrayFilter(
            word -> sipHash64('caller', word) IN (SELECT hash FROM erased) OR sipHash64('session', word) IN (SELECT hash FROM erased),
            extractAll(sample, '[A-Za-z0-9_]+(?:[.:-]+[A-Za-z0-9_]+)*')
        ))
    )
)
WHERE rows > 0
ORDER BY in_table
