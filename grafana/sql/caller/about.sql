SELECT caller_id AS caller, origin, JSONExtractString(metadata, 'sql_query') AS query, metadata, first_seen_at, last_seen_at
FROM callers
WHERE caller_id = ${caller:sqlstring}
