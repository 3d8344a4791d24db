SELECT caller_id, session_id, cascade_id FROM cascade_sessions
WHERE caller_id LIKE 'sql-%' ORDER BY created_at DESC LIMIT 10;
