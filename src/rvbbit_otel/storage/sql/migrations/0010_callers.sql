-- One row a caller whose root span has arrived.
CREATE VIEW IF NOT EXISTS callers AS
SELECT
    caller_id,
    max(caller_origin) AS origin,
    max(caller_metadata) AS metadata,
    max(caller_digest) AS digest,
    min(first_time) AS first_seen_at,
    max(last_time) AS last_seen_at
FROM caller_facts
GROUP BY caller_id
