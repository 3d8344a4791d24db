-- name: sessions-missing-from-a-table
-- kind: rule
-- title: Sessions in one table and not in the others
-- finding: A session has rows in unified_logs and none in session_state or cascade_sessions, or the other way round.
-- remedy: An insert was cut off and never sent again. Send the spans again if you have them: what is there already is not stored twice.
-- alert: over all rows, once an hour
-- parameter: since DateTime = 1970-01-01 00:00:00
-- parameter: until DateTime = 2106-01-01 00:00:00
WITH of_that_time AS
(
    SELECT session_id
    FROM session_facts
    WHERE last_time >= {since:DateTime} AND last_time < {until:DateTime}
    UNION DISTINCT
    SELECT toString(session_id)
    FROM unified_logs
    WHERE timestamp >= {since:DateTime} AND timestamp < {until:DateTime}
)
SELECT
    session_id,
    max(logged) AS in_unified_logs,
    max(stated) AS in_session_state,
    max(ran) AS ran_a_cascade,
    max(listed) AS in_cascade_sessions
FROM
(
    SELECT session_id, true AS logged, false AS stated, max(kind = 'cascade') AS ran, false AS listed, max(timestamp) AS seen_at
    FROM unified_logs
    -- Also rows of a session of which nothing else is there.
    WHERE timestamp >= {since:DateTime} AND timestamp < {until:DateTime} OR
-- include within/rows.sql
    GROUP BY session_id
    UNION ALL
    SELECT session_id, false, true, false, false, last_seen_at FROM session_state WHERE session_id IN (SELECT session_id FROM of_that_time)
    UNION ALL
    SELECT session_id, false, false, false, true, created_at FROM cascade_sessions WHERE session_id IN (SELECT session_id FROM of_that_time)
)
GROUP BY session_id
HAVING max(seen_at) >= {since:DateTime} AND max(seen_at) < {until:DateTime}
    AND (NOT (in_unified_logs AND in_session_state) OR (ran_a_cascade AND NOT in_cascade_sessions))
ORDER BY session_id
