-- name: totals-differ
-- kind: rule
-- title: Sessions whose rows do not add up to their totals
-- finding: The tokens or dollars of a session and caller in cascade_sessions, or the rows that have any, are not those of its rows in unified_logs.
-- remedy: An insert was cut off and never sent again, or rows expired before their session. Send the spans again if you have them; then `rvbbit-otel repair`.
-- alert: over all rows, once an hour
-- parameter: since DateTime = 1970-01-01 00:00:00
-- parameter: until DateTime = 2106-01-01 00:00:00
SELECT session_id, caller_id, logs.usage_rows AS rows_logged, cascades.usage_rows AS rows_counted, logs.dollars AS cost_logged, cascades.cost AS cost_counted
FROM cascade_sessions AS cascades
INNER JOIN
(
    SELECT
        session_id,
        toString(caller_id) AS caller_id,
        countIf(tokens_in != 0 OR tokens_out != 0 OR cost != 0) AS usage_rows,
        sum(cost) AS dollars,
        sum(tokens_in) AS tokens_read,
        sum(tokens_out) AS tokens_written
    FROM unified_logs
    WHERE
-- include within/rows.sql
    GROUP BY session_id, caller_id
) AS logs USING (session_id, caller_id)
WHERE (logs.usage_rows != cascades.usage_rows
    OR logs.tokens_read != cascades.tokens_in
    OR logs.tokens_written != cascades.tokens_out
    OR abs(logs.dollars - cascades.cost) > 1e-9 * greatest(1, logs.dollars))
    AND
-- include within/sessions.sql
ORDER BY session_id, caller_id
