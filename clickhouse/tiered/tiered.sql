-- Rows move to the volume `cold` after a week and leave when they do now. Whole days move, since parts are days (ADR 15). On a cluster: in the
-- database rvbbit_shard, with ON CLUSTER after the name. Needs storage.xml on every node.
ALTER TABLE unified_logs MODIFY SETTING storage_policy = 'tiered';
ALTER TABLE unified_logs MODIFY TTL toDateTime(timestamp) + INTERVAL 7 DAY TO VOLUME 'cold', toDateTime(timestamp) + INTERVAL 365 DAY;
ALTER TABLE session_facts MODIFY SETTING storage_policy = 'tiered';
ALTER TABLE session_facts MODIFY TTL toDateTime(last_time) + INTERVAL 62 DAY TO VOLUME 'cold', toDateTime(last_time) + INTERVAL 365 DAY;
ALTER TABLE otel_traces MODIFY SETTING storage_policy = 'tiered';
ALTER TABLE otel_traces MODIFY TTL toDateTime(Timestamp) + INTERVAL 7 DAY TO VOLUME 'cold', toDateTime(Timestamp) + INTERVAL 30 DAY;
ALTER TABLE otel_logs MODIFY SETTING storage_policy = 'tiered';
ALTER TABLE otel_logs MODIFY TTL toDateTime(Timestamp) + INTERVAL 7 DAY TO VOLUME 'cold', toDateTime(Timestamp) + INTERVAL 30 DAY;
