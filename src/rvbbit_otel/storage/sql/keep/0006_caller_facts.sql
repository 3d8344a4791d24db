ALTER TABLE caller_facts
MODIFY TTL toDateTime(last_time) + toIntervalDay({days:UInt32})
SETTINGS mutations_sync = 2, materialize_ttl_after_modify = 1
