SELECT * FROM unified_logs ORDER BY timestamp, trace_id, span_id
