ALTER TABLE rejected_spans
MODIFY TTL toDateTime(rejected_at) + toIntervalDay({days:UInt32})
SETTINGS mutations_sync = 2, materialize_ttl_after_modify = 1
