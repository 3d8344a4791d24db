-- Who else could be the caller of one row: that of its parent span, those of its session, and those of its trace.
SELECT
    toString(caller_id) AS caller_id,
    max(span_id = {parent:String}) AS is_parent,
    max(session_id = {session:String}) AS of_session,
    count() AS rows
FROM unified_logs
WHERE trace_id = {trace:String} OR session_id = {session:String}
GROUP BY caller_id
ORDER BY is_parent DESC, of_session DESC, rows DESC, caller_id
LIMIT 20
