-- One row a session. FINAL and no GROUP BY: a question by caller or session is then one about a column, for which the engine has an index.
CREATE VIEW IF NOT EXISTS session_state AS
SELECT
    caller AS caller_id,
    session_id,
    tupleElement(last_status, 3) AS status,
    first_time AS started_at,
    last_time AS last_seen_at,
    if(end_time = toDateTime64(0, 9), NULL, end_time) AS ended_at,
    parent AS parent_session_id,
    cascade AS cascade_id,
    tupleElement(last_error, 2) AS error,
    arraySort(finalizeAggregation(callers)) AS callers_seen
FROM session_facts FINAL
