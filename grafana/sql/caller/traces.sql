SELECT
    TraceId AS trace,
    min(Timestamp) AS started,
    dateDiff('millisecond', started, max(addNanoseconds(Timestamp, Duration))) AS took,
    count() AS spans,
    uniqExactIf(session_id, session_id != '') AS sessions,
    countIf(StatusCode = 'Error') AS errors,
    argMin(ServiceName, Timestamp) AS service
FROM otel_traces
WHERE $__timeFilter(Timestamp) AND caller_id = ${caller:sqlstring}
GROUP BY TraceId
ORDER BY started DESC
LIMIT 100
