-- The views that fill our tables do so with rights of their own, so that whoever inserts into a landing table needs no right to what lies behind it.
-- Run this after `rvbbit-otel migrate`. On a cluster: cluster/00_views.sql instead.
ALTER TABLE rvbbit.otel_traces_mv MODIFY SQL SECURITY NONE;
ALTER TABLE rvbbit.otel_traces_trace_id_ts_mv MODIFY SQL SECURITY NONE;
ALTER TABLE rvbbit.unified_logs_mv MODIFY SQL SECURITY NONE;
ALTER TABLE rvbbit.session_facts_mv MODIFY SQL SECURITY NONE;
ALTER TABLE rvbbit.caller_facts_mv MODIFY SQL SECURITY NONE;
ALTER TABLE rvbbit.rejected_spans_mv MODIFY SQL SECURITY NONE;
ALTER TABLE rvbbit.spans_stated_mv MODIFY SQL SECURITY NONE;
ALTER TABLE rvbbit.spans_owned_mv MODIFY SQL SECURITY NONE;
ALTER TABLE rvbbit.spans_sought_mv MODIFY SQL SECURITY NONE;
ALTER TABLE rvbbit.spans_found_mv MODIFY SQL SECURITY NONE;
ALTER TABLE rvbbit.spans_in_mv MODIFY SQL SECURITY NONE;
ALTER TABLE rvbbit.spans_ruled_mv MODIFY SQL SECURITY NONE;
ALTER TABLE rvbbit.calls_told_mv MODIFY SQL SECURITY NONE;
ALTER TABLE rvbbit.span_parents_mv MODIFY SQL SECURITY NONE;
ALTER TABLE rvbbit.unpriced_models_mv MODIFY SQL SECURITY NONE;
ALTER TABLE rvbbit.otel_logs_mv MODIFY SQL SECURITY NONE;
ALTER TABLE rvbbit.rejected_logs_mv MODIFY SQL SECURITY NONE;
ALTER TABLE rvbbit.log_records_in_mv MODIFY SQL SECURITY NONE;
ALTER TABLE rvbbit.otlp_traces_in_mv MODIFY SQL SECURITY NONE;
ALTER TABLE rvbbit.otlp_logs_in_mv MODIFY SQL SECURITY NONE;
ALTER TABLE rvbbit.spans_telling_mv MODIFY SQL SECURITY NONE;
ALTER TABLE rvbbit.spans_alone_mv MODIFY SQL SECURITY NONE;
ALTER TABLE rvbbit.spans_told_mv MODIFY SQL SECURITY NONE;
