SELECT session_id, status, started_at, ended_at FROM session_state WHERE caller_id = {caller:String} ORDER BY started_at, session_id
