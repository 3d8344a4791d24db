-- Tables and views that answer questions, with their columns; those that only pass rows on keep none.
SELECT table, groupArray((name, type)) AS columns
FROM
(
    SELECT table, name, type, position
    FROM system.columns
    WHERE database = currentDatabase()
        AND table NOT IN (SELECT name FROM system.tables WHERE database = currentDatabase() AND engine IN ('MaterializedView', 'Null'))
    ORDER BY table, position
)
GROUP BY table
ORDER BY indexOf(['otel_logs', 'otel_traces', 'callers', 'cascade_sessions', 'session_state', 'unified_logs'], table) DESC, table
