-- name: caller-differs-between-tables
-- kind: rule
-- title: Sessions whose caller differs between the tables
-- finding: The rows of a session, its state and its cascade do not name the same caller.
-- remedy: `rvbbit-otel repair` if rows have none. Else see sessions-with-two-callers: the tables take the greatest id where rows disagree.
SELECT session_id, logs.caller AS in_unified_logs, state.caller_id AS in_session_state, cascades.caller_id AS in_cascade_sessions
FROM (SELECT session_id, max(caller_id) AS caller FROM unified_logs GROUP BY session_id) AS logs
INNER JOIN session_state AS state USING (session_id)
LEFT JOIN cascade_sessions AS cascades USING (session_id)
WHERE logs.caller != state.caller_id OR (cascades.cascade_id != '' AND cascades.caller_id != state.caller_id)
ORDER BY session_id
