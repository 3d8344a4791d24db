ALTER TABLE otel_traces_trace_id_ts
MODIFY TTL toDateTime(Start) + toIntervalDay({days:UInt32})
SETTINGS mutations_sync = 2, materialize_ttl_after_modify = 1
