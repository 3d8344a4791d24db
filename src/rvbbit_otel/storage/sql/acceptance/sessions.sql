SELECT caller_id, session_id, status FROM session_state
WHERE caller_id LIKE 'sql-%' ORDER BY started_at DESC LIMIT 10;
