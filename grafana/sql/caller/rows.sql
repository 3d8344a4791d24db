SELECT timestamp AS time, session_id AS session, kind, node_type, role, name, model, status, duration_ms, tokens_in, tokens_out, cost, caller_source AS source, error, content, trace_id AS trace
FROM unified_logs
WHERE $__timeFilter(timestamp) AND caller_id = ${caller:sqlstring} AND session_id LIKE concat('%', ${session:sqlstring}, '%')
ORDER BY timestamp DESC
LIMIT 1000
