-- name: quarantined-requests
-- kind: rule
-- title: Requests that were acknowledged and are not stored
-- finding: The tables do not take these requests, so their spans are in no answer; they are kept as files.
-- remedy: `rvbbit-otel quarantine list` names them. Where the store is at fault, mend it (parts-set-aside); then `retry` stores them, or `drop` gives them up.
SELECT name, signal, size, reason, error, since
FROM quarantined_requests
ORDER BY since, name
