-- Another lifetime, for a store that has to be smaller: three months of rows and sessions, a week of raw spans and log records. Not shorter than what
-- may still be sent again: a span that comes after its row has gone is stored anew. On a cluster: as tiered.sql.
ALTER TABLE unified_logs MODIFY TTL toDateTime(timestamp) + INTERVAL 92 DAY;
ALTER TABLE session_facts MODIFY TTL toDateTime(last_time) + INTERVAL 92 DAY;
ALTER TABLE caller_facts MODIFY TTL toDateTime(last_time) + INTERVAL 92 DAY;
ALTER TABLE otel_traces MODIFY TTL toDateTime(Timestamp) + INTERVAL 7 DAY;
ALTER TABLE otel_traces_trace_id_ts MODIFY TTL toDateTime(Start) + INTERVAL 7 DAY;
ALTER TABLE otel_logs MODIFY TTL toDateTime(Timestamp) + INTERVAL 7 DAY;
