SELECT timestamp, session_id, kind, name, role, cost FROM unified_logs WHERE caller_id = {caller:String} ORDER BY timestamp
