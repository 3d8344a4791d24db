-- Tables and columns of the store's database.
SELECT table, groupArray((name, type)) AS columns
FROM (SELECT table, name, type, position FROM system.columns WHERE database = currentDatabase() ORDER BY table, position)
GROUP BY table
ORDER BY indexOf(['unified_logs', 'session_state', 'cascade_sessions', 'callers', 'otel_traces', 'otel_logs'], table) = 0, indexOf(['unified_logs', 'session_state', 'cascade_sessions', 'callers', 'otel_traces', 'otel_logs'], table), table
