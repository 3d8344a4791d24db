SELECT
    sum(cost) AS dollars,
    uniqExact(session_id) AS sessions,
    count() AS rows,
    sum(tokens_in) AS tokens_in,
    sum(tokens_out) AS tokens_out,
    countIf(error != '') AS errors,
    max(timestamp) - min(timestamp) AS seconds
FROM unified_logs
WHERE $__timeFilter(timestamp) AND caller_id = ${caller:sqlstring}
