SELECT ServiceName AS service, count() AS spans, max(Timestamp) AS newest, dateDiff('second', newest, now64(9)) AS seconds_ago
FROM otel_traces
WHERE $__timeFilter(Timestamp)
GROUP BY service
ORDER BY newest DESC
