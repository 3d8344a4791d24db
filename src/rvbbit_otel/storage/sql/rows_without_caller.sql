SELECT count() FROM unified_logs WHERE caller_id = ''
