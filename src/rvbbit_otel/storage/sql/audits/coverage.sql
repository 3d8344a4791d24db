-- name: coverage
-- kind: report
-- title: Rows by how their caller is known
-- finding: One row a source, with its share of all rows in percent. `none` is what nobody claims.
-- remedy: See rows-without-caller for what is none.
-- parameter: since DateTime = 1970-01-01 00:00:00
-- parameter: until DateTime = 2106-01-01 00:00:00
SELECT caller_source AS source, count() AS rows, round(100 * rows / sum(rows) OVER (), 2) AS percent, uniqExact(session_id) AS sessions, sum(cost) AS cost
FROM unified_logs
WHERE timestamp >= {since:DateTime} AND timestamp < {until:DateTime}
GROUP BY caller_source
ORDER BY rows DESC, source
