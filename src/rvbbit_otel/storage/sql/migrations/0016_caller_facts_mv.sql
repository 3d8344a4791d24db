-- What a caller's root span tells.
CREATE MATERIALIZED VIEW IF NOT EXISTS caller_facts_mv TO caller_facts AS
SELECT
    caller_id,
    max(spans_in.caller_origin) AS caller_origin,
    max(SpanAttributes['rvbbit.caller.metadata']) AS caller_metadata,
    max(SpanAttributes['rvbbit.caller.digest']) AS caller_digest,
    max(SpanAttributes['db.query.text']) AS query_text,
    max(spans_in.user_id) AS user_id,
    min(Timestamp) AS first_time,
    max(end_time) AS last_time
FROM spans_in
WHERE reject = '' AND caller_id != '' AND kind = 'caller'
GROUP BY caller_id
