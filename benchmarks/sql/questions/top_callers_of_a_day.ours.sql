SELECT caller_id, sum(cost) AS dollars FROM unified_logs
WHERE timestamp >= toDateTime({day:Date}) AND timestamp < toDateTime({day:Date}) + INTERVAL 1 DAY
GROUP BY caller_id ORDER BY dollars DESC, caller_id LIMIT 10
