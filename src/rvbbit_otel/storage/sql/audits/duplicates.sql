-- name: duplicates
-- kind: rule
-- title: Spans and log records that are stored twice
-- finding: Two writers stored the same one at the same moment, each before it could see the other's.
-- remedy: Merges settle it within minutes; `OPTIMIZE TABLE unified_logs FINAL` (or the table named) at once. Until then sums count it twice.
-- alert: over all rows, once an hour
-- parameter: since DateTime = 1970-01-01 00:00:00
-- parameter: until DateTime = 2106-01-01 00:00:00
SELECT in_table, trace_id, span_id, copies
FROM
(
    SELECT 'unified_logs' AS in_table, trace_id, span_id, count() AS copies
    FROM unified_logs
    WHERE timestamp >= {since:DateTime} AND timestamp < {until:DateTime}
    GROUP BY trace_id, span_id
    HAVING copies > 1
    UNION ALL
    SELECT 'otel_traces', TraceId, SpanId, count() AS copies
    FROM otel_traces
    WHERE Timestamp >= {since:DateTime} AND Timestamp < {until:DateTime}
    GROUP BY TraceId, SpanId
    HAVING copies > 1
    UNION ALL
    SELECT 'otel_logs', any(TraceId), any(SpanId), count() AS copies
    FROM otel_logs
    WHERE Timestamp >= {since:DateTime} AND Timestamp < {until:DateTime}
    GROUP BY Timestamp, record_hash
    HAVING copies > 1
)
ORDER BY in_table, trace_id, span_id
