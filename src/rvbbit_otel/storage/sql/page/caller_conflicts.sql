-- Rows of one caller for which another answer lost, and rows of others that this caller lost.
SELECT caller_id, caller_conflict, caller_source, session_id, count() AS rows, sum(unified_logs.cost) AS cost, any(name) AS example
FROM unified_logs
WHERE caller_conflict != '' AND (caller_id = {caller:String} OR caller_conflict = {caller:String})
    AND timestamp >= {since:DateTime} AND timestamp < {until:DateTime}
GROUP BY caller_id, caller_conflict, caller_source, session_id
ORDER BY rows DESC, session_id, caller_source
LIMIT 20
