SELECT caller_id FROM unified_logs WHERE $__timeFilter(timestamp) AND caller_id != '' GROUP BY caller_id ORDER BY max(timestamp) DESC LIMIT 500
