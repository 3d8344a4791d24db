-- One session, a row for each caller that it worked for.
SELECT
    state.caller_id AS caller_id,
    state.status AS status,
    state.started_at AS started_at,
    state.last_seen_at AS last_seen_at,
    state.ended_at AS ended_at,
    state.parent_session_id AS parent_session_id,
    substringUTF8(state.cascade_id, 1, 200) AS cascade_id,
    substringUTF8(state.error, 1, 1000) AS error,
    logs.rows AS rows,
    logs.tokens_in AS tokens_in,
    logs.tokens_out AS tokens_out,
    logs.cost AS cost,
    logs.cost_stated AS cost_stated,
    logs.cost_computed AS cost_computed,
    logs.calls_unpriced AS calls_unpriced,
    logs.errors AS errors
FROM session_state AS state
LEFT JOIN
(
    SELECT
        toString(unified_logs.caller_id) AS caller_id,
        count() AS rows,
        sum(unified_logs.tokens_in) AS tokens_in,
        sum(unified_logs.tokens_out) AS tokens_out,
        sum(unified_logs.cost) AS cost,
        sumIf(unified_logs.cost, cost_source = 'stated') AS cost_stated,
        sumIf(unified_logs.cost, startsWith(cost_source, 'computed ')) AS cost_computed,
        countIf(cost_source IN ('unpriced', 'awaited')) AS calls_unpriced,
        countIf(error != '') AS errors
    FROM unified_logs
    WHERE session_id = {session:String}
    GROUP BY caller_id
) AS logs ON logs.caller_id = state.caller_id
WHERE state.session_id = {session:String}
ORDER BY started_at, caller_id
LIMIT 100
