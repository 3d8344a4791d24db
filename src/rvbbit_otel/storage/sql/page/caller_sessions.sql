-- The sessions of one caller, with what the rows of each come to.
SELECT
    state.session_id AS session_id,
    state.parent_session_id AS parent_session_id,
    state.status AS status,
    substringUTF8(state.cascade_id, 1, 200) AS cascade_id,
    state.started_at AS started_at,
    toInt64(toUnixTimestamp64Nano(state.last_seen_at) - toUnixTimestamp64Nano(state.started_at)) / 1000000 AS took_ms,
    logs.rows AS rows,
    logs.tokens AS tokens,
    logs.cost AS cost,
    logs.calls_unpriced AS calls_unpriced,
    logs.errors AS errors,
    substringUTF8(state.error, 1, 300) AS error,
    count() OVER () AS sessions
FROM session_state AS state
LEFT JOIN
(
    SELECT
        toString(unified_logs.session_id) AS session_id,
        count() AS rows,
        sum(tokens_in + tokens_out) AS tokens,
        sum(unified_logs.cost) AS cost,
        countIf(cost_source IN ('unpriced', 'awaited')) AS calls_unpriced,
        countIf(error != '') AS errors
    FROM unified_logs
    WHERE caller_id = {caller:String}
    GROUP BY session_id
) AS logs ON logs.session_id = state.session_id
WHERE state.caller_id = {caller:String}
ORDER BY started_at, session_id
LIMIT 300
