-- What each caller's rows come to, most expensive first; nobody's rows are the caller ''.
SELECT
    caller_id,
    any(known.known_origin) AS origin,
    any(known.known_metadata) AS metadata,
    -- include accounts/sums.sql
FROM unified_logs AS logs
LEFT JOIN (SELECT caller_id, origin AS known_origin, metadata AS known_metadata FROM callers) AS known USING (caller_id)
WHERE timestamp >= {since:DateTime} AND ({caller:String} = '' OR caller_id = {caller:String})
GROUP BY caller_id
ORDER BY cost DESC, rows DESC, caller_id
