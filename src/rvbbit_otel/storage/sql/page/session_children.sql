-- Sessions that one session started.
SELECT session_id, caller_id, cascade_id, status, started_at
FROM session_state
WHERE parent_session_id = {session:String}
ORDER BY started_at, session_id, caller_id
LIMIT 100
