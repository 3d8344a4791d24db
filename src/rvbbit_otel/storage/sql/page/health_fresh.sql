-- How fresh the store is: when the latest row began, and how many came in the last minute, hour and day.
SELECT
    maxOrNull(timestamp) AS last_row,
    countIf(timestamp >= now() - INTERVAL 1 MINUTE) AS rows_minute,
    countIf(timestamp >= now() - INTERVAL 1 HOUR) AS rows_hour,
    count() AS rows_day,
    version() AS version,
    now() AS now
FROM unified_logs
WHERE timestamp >= now() - INTERVAL 1 DAY
