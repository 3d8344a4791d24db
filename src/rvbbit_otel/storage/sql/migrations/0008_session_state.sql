-- One row a session.
CREATE VIEW IF NOT EXISTS session_state AS
SELECT
    max(caller) AS caller_id,
    session_id,
    tupleElement(max(last_status), 3) AS status,
    min(first_time) AS started_at,
    max(last_time) AS last_seen_at,
    if(max(end_time) = toDateTime64(0, 9), NULL, max(end_time)) AS ended_at,
    max(parent) AS parent_session_id,
    max(cascade) AS cascade_id,
    tupleElement(max(last_error), 2) AS error,
    arraySort(groupUniqArrayMerge(16)(callers)) AS callers_seen
FROM session_facts
GROUP BY session_id
