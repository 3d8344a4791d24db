-- name: rows-without-caller
-- kind: rule
-- title: Rows without a caller
-- finding: These sessions left rows that nobody claims, so their cost belongs to no query. `candidates`: whom they were inherited from.
-- remedy: If their run is known, `rvbbit-otel repair` gives them its caller. Else let the program say whose the work is (`called_by`), or see `rvbbit-otel doctor`.
-- parameter: since DateTime = 1970-01-01 00:00:00
-- parameter: until DateTime = 2106-01-01 00:00:00
SELECT
    session_id,
    count() AS rows,
    arraySort(groupUniqArrayIf(8)(caller_candidate, caller_candidate != '')) AS candidates,
    -- A session that a trace stands for is nobody's without a refusal.
    countIf(claim = 'nobody' AND caller_candidate = '' AND NOT startsWith(session_id, 'trace-')) AS refused_ids,
    min(timestamp) AS first_row,
    any(service_name) AS service,
    any(name) AS example
FROM unified_logs
WHERE (caller_id = '' OR caller_source = 'none') AND timestamp >= {since:DateTime} AND timestamp < {until:DateTime}
GROUP BY session_id
ORDER BY rows DESC, session_id
