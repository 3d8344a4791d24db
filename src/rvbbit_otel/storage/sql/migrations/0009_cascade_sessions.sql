-- One row a session that ran a cascade, with what its rows add up to.
CREATE VIEW IF NOT EXISTS cascade_sessions AS
SELECT
    caller AS caller_id,
    session_id,
    cascade AS cascade_id,
    first_time AS created_at,
    cascade_input AS input,
    cascade_depth AS depth,
    parent AS parent_session_id,
    arraySum(tupleElement(usage, 2)) AS cost,
    arraySum(tupleElement(usage, 3)) AS tokens_in,
    arraySum(tupleElement(usage, 4)) AS tokens_out,
    length(tupleElement(usage, 1)) AS usage_rows
FROM session_facts FINAL
WHERE cascade != ''
