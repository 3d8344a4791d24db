-- name: caller-differs-between-tables
-- kind: rule
-- title: Sessions whose callers differ between the tables
-- finding: The rows of a session and its state do not name the same callers.
-- remedy: `rvbbit-otel repair` mends what one that was cut off left behind. Else a table was changed by hand: `ALTER TABLE ... UPDATE` does this.
-- alert: over all rows, once an hour
-- parameter: since DateTime = 1970-01-01 00:00:00
-- parameter: until DateTime = 2106-01-01 00:00:00
SELECT session_id, logs.callers AS in_unified_logs, state.callers AS in_session_state
FROM (SELECT session_id, arraySort(groupUniqArray(toString(caller_id))) AS callers FROM unified_logs WHERE caller_id != '' AND
-- include within/rows.sql
GROUP BY session_id) AS logs
INNER JOIN
(
    SELECT session_id, arraySort(groupUniqArray(caller_id)) AS callers
    FROM session_state
    WHERE caller_id != '' AND
-- include within/sessions.sql
    GROUP BY session_id
) AS state USING (session_id)
WHERE logs.callers != state.callers
ORDER BY session_id
