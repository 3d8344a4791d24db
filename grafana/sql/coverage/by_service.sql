SELECT
    service_name AS service,
    count() AS rows,
    round(100 * countIf(caller_source != 'none') / count(), 2) AS coverage,
    round(100 * countIf(caller_source = 'inherited') / count(), 2) AS inherited,
    countIf(caller_conflict != '') AS conflicts
FROM unified_logs
WHERE $__timeFilter(timestamp)
GROUP BY service
ORDER BY coverage, rows DESC
