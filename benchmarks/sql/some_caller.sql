-- A caller from the middle of the table, and the day that it worked in.
SELECT caller_id, toDate(timestamp) FROM unified_logs ORDER BY timestamp LIMIT 1 OFFSET {offset:UInt64}
