-- Requests that were acknowledged and that the tables do not take (ADR 25): what the all-in-one holds in files is written here at each change, to be
-- asked. A server has none: its collector keeps what it can't store.
CREATE TABLE IF NOT EXISTS quarantined_requests
(
    name String COMMENT 'What `rvbbit-otel quarantine retry` and `drop` take',
    signal LowCardinality(String) COMMENT 'traces or logs',
    size UInt64 COMMENT 'Bytes',
    reason LowCardinality(String) COMMENT 'request: no store can take it; store: this one can''t, and tries again; damaged: its file can''t be read',
    error String COMMENT 'The engine''s code, or the kind of error',
    since DateTime64(3, 'UTC') COMMENT 'When it was first tried'
)
ENGINE = MergeTree
ORDER BY name
