SELECT timestamp AS time, caller_id AS caller, caller_source AS source, session_id AS session, kind, name, model, duration_ms, tokens_in, tokens_out, cost, error
FROM unified_logs
WHERE trace_id = ${trace_id:sqlstring}
ORDER BY timestamp
LIMIT 1000
