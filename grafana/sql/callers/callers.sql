SELECT
    if(caller_id = '', '(nobody)', caller_id) AS caller,
    any(known.origin) AS origin,
    substringUTF8(any(known.query), 1, 200) AS query,
    uniqExact(session_id) AS sessions,
    count() AS rows,
    sum(tokens_in) AS tokens_in,
    sum(tokens_out) AS tokens_out,
    sum(cost) AS cost,
    countIf(error != '') AS errors,
    quantileOrNullIf(0.95)(duration_ms, kind = 'llm') AS llm_p95,
    round(100 * countIf(caller_source != 'none') / count(), 2) AS coverage,
    max(timestamp) AS last_row
FROM unified_logs
LEFT JOIN (SELECT caller_id, origin, JSONExtractString(metadata, 'sql_query') AS query FROM callers) AS known USING (caller_id)
WHERE $__timeFilter(timestamp)
GROUP BY caller_id
ORDER BY last_row DESC
LIMIT 500
