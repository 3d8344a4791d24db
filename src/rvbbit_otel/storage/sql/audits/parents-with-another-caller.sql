-- name: parents-with-another-caller
-- kind: rule
-- title: Sub-sessions whose caller is not their parent's
-- finding: A session was started by another one, and their rows are credited to different callers.
-- remedy: Look at caller_source of the sub-session's rows; a runner that starts it for somebody else must not name a parent.
SELECT child.session_id AS session_id, child.caller_id AS caller_id, parent.session_id AS parent_session_id, parent.caller_id AS parent_caller_id
FROM session_state AS child
INNER JOIN session_state AS parent ON child.parent_session_id = parent.session_id
WHERE child.parent_session_id != '' AND child.caller_id != parent.caller_id
ORDER BY session_id
