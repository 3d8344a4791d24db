SELECT count() FROM (SELECT 1 FROM unified_logs WHERE timestamp >= {since:DateTime} AND timestamp < {until:DateTime} LIMIT 1)
