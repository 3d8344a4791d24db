ALTER TABLE unified_logs
MODIFY TTL toDateTime(timestamp) + toIntervalDay({days:UInt32})
SETTINGS mutations_sync = 2, materialize_ttl_after_modify = 1
