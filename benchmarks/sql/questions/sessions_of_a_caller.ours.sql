SELECT session_id, min(timestamp) AS started_at, count() AS rows FROM unified_logs WHERE caller_id = {caller:String} GROUP BY session_id ORDER BY started_at
