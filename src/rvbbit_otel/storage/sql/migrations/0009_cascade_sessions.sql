-- One row a session that ran a cascade, with what its rows add up to.
CREATE VIEW IF NOT EXISTS cascade_sessions AS
SELECT
    max(caller) AS caller_id,
    session_id,
    max(cascade) AS cascade_id,
    min(first_time) AS created_at,
    max(cascade_input) AS input,
    max(cascade_depth) AS depth,
    max(parent) AS parent_session_id,
    arraySum(tupleElement(maxMap(usage), 2)) AS cost,
    arraySum(tupleElement(maxMap(usage), 3)) AS tokens_in,
    arraySum(tupleElement(maxMap(usage), 4)) AS tokens_out,
    length(tupleElement(maxMap(usage), 1)) AS rows
FROM session_facts
GROUP BY session_id
HAVING max(cascade) != ''
