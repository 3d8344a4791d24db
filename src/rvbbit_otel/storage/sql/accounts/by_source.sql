-- What rows come to by how their caller is known.
SELECT
    toString(caller_source) AS source,
    -- include accounts/sums.sql
FROM unified_logs AS logs
WHERE timestamp >= {since:DateTime} AND ({caller:String} = '' OR caller_id = {caller:String})
GROUP BY source
ORDER BY rows DESC, source
