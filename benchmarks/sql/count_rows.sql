SELECT count() FROM unified_logs
