-- name: rows-missing
-- kind: rule
-- title: Sessions with fewer rows than spans
-- finding: Spans of a session are in otel_traces and not all of them are rows of unified_logs.
-- remedy: An insert was cut off and never sent again. Send the spans again if you have them: what is there already is not stored twice.
-- alert: over all rows, once an hour
-- parameter: since DateTime = 1970-01-01 00:00:00
-- parameter: until DateTime = 2106-01-01 00:00:00
SELECT session_id, traces.spans AS spans, logs.row_count AS rows
FROM
(
    -- Spans are kept for a shorter time than rows, so what has expired is no finding. A caller's own span is no row.
    SELECT session_id, count() AS spans
    FROM otel_traces
    WHERE session_id != '' AND SpanName NOT LIKE 'caller %' AND Timestamp >= {since:DateTime} AND Timestamp < {until:DateTime}
    GROUP BY session_id
) AS traces
LEFT JOIN (SELECT session_id, count() AS row_count FROM unified_logs WHERE timestamp >= {since:DateTime} AND timestamp < {until:DateTime} GROUP BY session_id) AS logs USING (session_id)
WHERE rows < spans
ORDER BY session_id
