-- name: parents-with-another-caller
-- kind: rule
-- title: Sub-sessions whose caller is not their parent's
-- finding: A session was started by another one, their rows are credited to different callers, and do not say that two answers differed.
-- remedy: Look at caller_source of the sub-session's rows; a runner that starts it for somebody else must name that caller, or no parent.
-- alert: over all rows, once an hour
-- parameter: since DateTime = 1970-01-01 00:00:00
-- parameter: until DateTime = 2106-01-01 00:00:00
SELECT child.session_id AS session_id, child.caller_id AS caller_id, parent.session_id AS parent_session_id, parent.callers AS parent_callers
FROM
(
    SELECT session_id, caller_id, parent_session_id, last_seen_at
    FROM session_state
    WHERE
-- include within/sessions.sql
) AS child
INNER JOIN
(
    SELECT session_id, arraySort(groupUniqArray(caller_id)) AS callers
    FROM session_state
    WHERE caller_id != '' AND session_id IN (SELECT parent FROM session_facts WHERE last_time >= {since:DateTime} AND last_time < {until:DateTime})
    GROUP BY session_id
) AS parent ON child.parent_session_id = parent.session_id
WHERE child.caller_id != '' AND child.last_seen_at >= {since:DateTime} AND child.last_seen_at < {until:DateTime} AND NOT has(parent.callers, child.caller_id)
    AND (child.session_id, child.caller_id) NOT IN (SELECT session_id, toString(caller_id) FROM unified_logs WHERE caller_conflict != '' AND
-- include within/rows.sql
)
ORDER BY session_id, caller_id
