-- The sessions of one caller, in the order of their starts.
SELECT session_id, status, cascade_id, parent_session_id, started_at, last_seen_at, error
FROM session_state
WHERE caller_id = {caller:String}
ORDER BY started_at, session_id
