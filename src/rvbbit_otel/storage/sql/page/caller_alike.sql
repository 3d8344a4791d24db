-- Other callers of the very same text, the latest first.
SELECT caller_id, origin, last_seen_at
FROM callers
WHERE caller_id != {caller:String} AND {text:String} != ''
    AND arrayExists(key -> JSONExtractString(metadata, key) = {text:String}, ['sql_query', 'route', 'job'])
ORDER BY last_seen_at DESC, caller_id
LIMIT 8
