-- One row a caller whose root span has arrived. `query_text` is what its redaction let leave, whole; `query_shape` has `?` for each literal, so that
-- queries of one kind meet in a GROUP BY, as they do by `query_hash`.
CREATE VIEW IF NOT EXISTS callers AS
SELECT
    caller_id,
    max(caller_origin) AS origin,
    if(max(facts.user_id) != '', max(facts.user_id), arrayFirst(word -> word != '', arrayMap(
        name -> JSONExtractString(metadata, name), ['user', 'user_id', 'user.id', 'enduser.id', 'username']
    ))) AS user,
    if(max(facts.query_text) != '', max(facts.query_text), arrayFirst(word -> word != '', arrayMap(
        name -> JSONExtractString(metadata, name), ['sql_query', 'query', 'sql', 'query_text']
    ))) AS query_text,
    normalizeQuery(query_text) AS query_shape,
    if(query_text = '', 0, normalizedQueryHash(query_text)) AS query_hash,
    max(caller_metadata) AS metadata,
    max(caller_digest) AS digest,
    min(first_time) AS first_seen_at,
    max(last_time) AS last_seen_at
FROM caller_facts AS facts
GROUP BY caller_id
