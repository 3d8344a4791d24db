-- name: inherited-by-service
-- kind: report
-- title: How much is known by inheritance alone, by service
-- finding: One row a service. `inherited` rows are of work that went on after what it was started by had ended: most likely its caller's, not surely.
-- remedy: Where that is much, let the program name the caller in what goes on (`called_by`), or hand work over in a way that we see (a pool, a task).
-- parameter: since DateTime = 1970-01-01 00:00:00
-- parameter: until DateTime = 2106-01-01 00:00:00
SELECT
    service_name AS service,
    count() AS rows,
    countIf(caller_source = 'inherited') AS inherited,
    round(100 * inherited / rows, 2) AS percent,
    uniqExactIf(caller_id, caller_source = 'inherited') AS callers,
    sumIf(cost, caller_source = 'inherited') AS cost,
    anyIf(name, caller_source = 'inherited') AS example
FROM unified_logs
WHERE timestamp >= {since:DateTime} AND timestamp < {until:DateTime}
GROUP BY service
ORDER BY percent DESC, rows DESC, service
