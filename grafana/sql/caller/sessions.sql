SELECT
    state.session_id AS session,
    state.status AS status,
    state.cascade_id AS cascade,
    state.started_at AS started,
    dateDiff('millisecond', state.started_at, state.last_seen_at) AS took,
    state.parent_session_id AS parent,
    ran.rows AS rows,
    ran.tokens_in AS tokens_in,
    ran.tokens_out AS tokens_out,
    ran.cost AS cost,
    state.error AS error
FROM session_state AS state
LEFT JOIN
(
    SELECT session_id, count() AS rows, sum(tokens_in) AS tokens_in, sum(tokens_out) AS tokens_out, sum(cost) AS cost
    FROM unified_logs
    WHERE caller_id = ${caller:sqlstring}
    GROUP BY session_id
) AS ran ON ran.session_id = state.session_id
WHERE state.caller_id = ${caller:sqlstring} AND state.last_seen_at >= $__fromTime AND state.started_at <= $__toTime
ORDER BY started DESC
LIMIT 500
