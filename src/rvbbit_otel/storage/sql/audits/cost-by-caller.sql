-- name: cost-by-caller
-- kind: report
-- title: Cost and tokens by caller; what nobody claims is a row of its own
-- finding: One row a caller, most expensive first. Their sum is the sum over all rows.
-- remedy: Nothing to do.
-- parameter: since DateTime = 1970-01-01 00:00:00
SELECT
    caller_id,
    any(origin) AS origin,
    uniqExact(session_id) AS sessions,
    count() AS rows,
    sum(tokens_in) AS tokens_in,
    sum(tokens_out) AS tokens_out,
    sum(cost) AS cost,
    min(timestamp) AS first_row,
    max(timestamp) AS last_row
FROM unified_logs
LEFT JOIN (SELECT caller_id, origin FROM callers) AS known USING (caller_id)
WHERE timestamp >= {since:DateTime}
GROUP BY caller_id
ORDER BY cost DESC, rows DESC, caller_id
