-- What failed of one caller's work, the latest first.
SELECT timestamp, session_id, kind, substringUTF8(unified_logs.name, 1, 200) AS name, status, substringUTF8(unified_logs.error, 1, 1000) AS said, trace_id, span_id
FROM unified_logs
WHERE caller_id = {caller:String} AND error != '' AND timestamp >= {since:DateTime} AND timestamp < {until:DateTime}
ORDER BY timestamp DESC, span_id
LIMIT 20
