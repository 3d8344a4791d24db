-- The first and the last row of a time range, and whether the store has any at all.
SELECT
    countIf(timestamp >= {since:DateTime} AND timestamp < {until:DateTime}) AS rows,
    minOrNullIf(timestamp, timestamp >= {since:DateTime} AND timestamp < {until:DateTime}) AS first_row,
    maxOrNullIf(timestamp, timestamp >= {since:DateTime} AND timestamp < {until:DateTime}) AS last_row,
    count() AS all_rows,
    maxOrNull(timestamp) AS last_of_all
FROM unified_logs
