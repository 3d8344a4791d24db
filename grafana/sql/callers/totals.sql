SELECT
    sum(cost) AS dollars,
    uniqExactIf(caller_id, caller_id != '') AS callers,
    uniqExact(session_id) AS sessions,
    count() AS rows,
    sum(tokens_in + tokens_out) AS tokens,
    countIf(error != '') AS errors,
    100 * countIf(caller_source != 'none') / count() AS coverage
FROM unified_logs
WHERE $__timeFilter(timestamp)
