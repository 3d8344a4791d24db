-- Other callers of the very same text, the latest first.
WITH arrayFirst(each -> each != '', arrayMap(key -> JSONExtractString(metadata, key), ['sql_query', 'route', 'job'])) AS text
SELECT caller_id, origin, last_seen_at
FROM callers
WHERE caller_id != {caller:String} AND text != '' AND text IN (SELECT text FROM callers WHERE caller_id = {caller:String})
ORDER BY last_seen_at DESC, caller_id
LIMIT 8
