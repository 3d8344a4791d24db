SELECT caller_id, COUNT(*) as row_count, COUNT(DISTINCT session_id) as session_count
FROM unified_logs WHERE caller_id LIKE 'sql-%' AND timestamp > now() - INTERVAL 5 MINUTE GROUP BY caller_id;
