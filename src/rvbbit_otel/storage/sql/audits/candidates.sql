-- name: candidates
-- kind: report
-- title: Spans that nobody claims, by whom they were inherited from
-- finding: One row for each service and candidate. A flow that one caller's work had started took work from a shared place: whose, it did not say.
-- remedy: Let the flow name the caller of each piece of work that it takes (`called_by`). A candidate is no caller: most such flows work for many.
-- parameter: since DateTime = 1970-01-01 00:00:00
-- parameter: until DateTime = 2106-01-01 00:00:00
SELECT
    ServiceName AS service,
    SpanAttributes['rvbbit.caller.candidate'] AS candidate,
    count() AS spans,
    countIf(session_id != '') AS rows,
    uniqExactIf(session_id, session_id != '') AS sessions,
    min(Timestamp) AS first_at,
    max(Timestamp) AS last_at,
    any(SpanName) AS example
FROM otel_traces
WHERE caller_id = '' AND candidate != '' AND Timestamp >= {since:DateTime} AND Timestamp < {until:DateTime}
GROUP BY service, candidate
ORDER BY spans DESC, service, candidate
