-- One row for each caller of a session that ran a cascade for it, with what the rows of that caller add up to.
CREATE VIEW IF NOT EXISTS cascade_sessions AS
SELECT
    caller AS caller_id,
    session_id,
    max(cascade) AS cascade_id,
    min(first_time) AS created_at,
    max(cascade_input) AS input,
    max(cascade_depth) AS depth,
    max(parent) AS parent_session_id,
    sum(arraySum(tupleElement(usage, 2))) AS cost,
    sum(arraySum(tupleElement(usage, 3))) AS tokens_in,
    sum(arraySum(tupleElement(usage, 4))) AS tokens_out,
    sum(length(tupleElement(usage, 1))) AS usage_rows
FROM session_facts FINAL
GROUP BY session_id, caller
HAVING cascade_id != ''
