-- One row for each caller of a session: a session id that comes again for another caller is another run, with a status and times of its own.
-- A question by caller or session reads by an index, since both are columns of the table: FINAL puts the pieces of one part together, and GROUP BY the
-- traces of one caller.
CREATE VIEW IF NOT EXISTS session_state AS
SELECT
    caller AS caller_id,
    session_id,
    argMax(tupleElement(last_status, 2), tupleElement(last_status, 1)) AS status,
    min(first_time) AS started_at,
    max(last_time) AS last_seen_at,
    if(max(last_event) % 2 = 1, fromUnixTimestamp64Nano(toInt64(intDiv(max(last_event), 2)), 'UTC'), NULL) AS ended_at,
    max(parent) AS parent_session_id,
    max(cascade) AS cascade_id,
    argMax(tupleElement(last_error, 2), tupleElement(last_error, 1)) AS error
FROM session_facts FINAL
GROUP BY session_id, caller
