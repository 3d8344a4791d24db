-- For spans that come later and tell of the same call: no longer than the rows, and no longer than it takes them to come.
ALTER TABLE calls_told
MODIFY TTL toDateTime(start) + toIntervalDay(least({days:UInt32}, 35))
SETTINGS mutations_sync = 2, materialize_ttl_after_modify = 1
