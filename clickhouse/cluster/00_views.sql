-- users/00_views.sql for a cluster, instead of it: the views are on the shards, those that take raw OTLP apart in front. The server fills in its own macro.
ALTER TABLE rvbbit_shard.otel_traces_mv ON CLUSTER '{cluster}' MODIFY SQL SECURITY NONE;
ALTER TABLE rvbbit_shard.otel_traces_trace_id_ts_mv ON CLUSTER '{cluster}' MODIFY SQL SECURITY NONE;
ALTER TABLE rvbbit_shard.unified_logs_mv ON CLUSTER '{cluster}' MODIFY SQL SECURITY NONE;
ALTER TABLE rvbbit_shard.session_facts_mv ON CLUSTER '{cluster}' MODIFY SQL SECURITY NONE;
ALTER TABLE rvbbit_shard.caller_facts_mv ON CLUSTER '{cluster}' MODIFY SQL SECURITY NONE;
ALTER TABLE rvbbit_shard.rejected_spans_mv ON CLUSTER '{cluster}' MODIFY SQL SECURITY NONE;
ALTER TABLE rvbbit_shard.spans_stated_mv ON CLUSTER '{cluster}' MODIFY SQL SECURITY NONE;
ALTER TABLE rvbbit_shard.spans_in_mv ON CLUSTER '{cluster}' MODIFY SQL SECURITY NONE;
ALTER TABLE rvbbit_shard.spans_sought_mv ON CLUSTER '{cluster}' MODIFY SQL SECURITY NONE;
ALTER TABLE rvbbit_shard.spans_found_mv ON CLUSTER '{cluster}' MODIFY SQL SECURITY NONE;
ALTER TABLE rvbbit_shard.otel_logs_mv ON CLUSTER '{cluster}' MODIFY SQL SECURITY NONE;
ALTER TABLE rvbbit_shard.rejected_logs_mv ON CLUSTER '{cluster}' MODIFY SQL SECURITY NONE;
ALTER TABLE rvbbit_shard.log_records_in_mv ON CLUSTER '{cluster}' MODIFY SQL SECURITY NONE;
ALTER TABLE rvbbit.otlp_traces_in_mv ON CLUSTER '{cluster}' MODIFY SQL SECURITY NONE;
ALTER TABLE rvbbit.otlp_logs_in_mv ON CLUSTER '{cluster}' MODIFY SQL SECURITY NONE;
