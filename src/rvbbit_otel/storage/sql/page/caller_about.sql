-- What a caller's own span says of it: its origin and all of its metadata.
SELECT caller_id, origin, metadata, digest, first_seen_at, last_seen_at
FROM callers
WHERE caller_id = {caller:String}
