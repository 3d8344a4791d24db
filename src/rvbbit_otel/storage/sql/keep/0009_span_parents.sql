ALTER TABLE span_parents
MODIFY TTL day + toIntervalDay(least({days:UInt32}, 8))
SETTINGS mutations_sync = 2, materialize_ttl_after_modify = 1
