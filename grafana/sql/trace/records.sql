SELECT Timestamp AS timestamp, Body AS body, SeverityText AS level, ServiceName AS service, caller_id AS caller, session_id AS session, SpanId AS span, LogAttributes AS labels
FROM otel_logs
WHERE TraceId = ${trace_id:sqlstring}
ORDER BY timestamp DESC
LIMIT 1000
