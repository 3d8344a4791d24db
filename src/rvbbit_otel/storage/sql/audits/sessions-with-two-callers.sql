-- name: sessions-with-two-callers
-- kind: rule
-- title: Sessions that two callers have at the same time
-- finding: Work of one session for two callers overlaps in time: one of them is wrong, or the session id was used twice at once.
-- remedy: Look at caller_source of the rows. A session id that comes again later, for whomever, is no finding; one that is in use must not be used again.
-- parameter: since DateTime = 1970-01-01 00:00:00
-- parameter: until DateTime = 2106-01-01 00:00:00
SELECT
    session_id,
    arraySort(arrayDistinct(arrayFlatten(groupArray(arrayPushBack(others, toString(caller_id)))))) AS callers,
    arraySort(groupUniqArray(8)(caller_source)) AS sources,
    count() AS rows,
    min(time) AS first_at,
    any(name) AS example
FROM
(
    -- Of each caller when the last of its work ends that began no later: what begins at the very same time is in it whatever the order.
    SELECT
        *,
        maxMap([toString(caller_id)], [toUnixTimestamp64Nano(end)]) OVER (
            PARTITION BY session_id ORDER BY time RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS lasts,
        arrayFilter((other, until) -> other != caller_id AND until > toUnixTimestamp64Nano(time), lasts.1, lasts.2) AS others
    FROM
    (
        SELECT
            session_id,
            Timestamp AS time,
            addNanoseconds(Timestamp, Duration) AS end,
            caller_id,
            SpanName AS name,
            SpanAttributes['rvbbit.caller.source'] AS caller_source
        FROM otel_traces
        WHERE caller_id != '' AND SpanAttributes['rvbbit.caller.conflict'] = '' AND SpanAttributes['rvbbit.kind'] != 'caller'
            -- Ends that are before their begin wrap around to centuries.
            AND Duration <= 7776000000000000 AND
-- include within/spans.sql
            AND session_id IN (
                SELECT session_id
                FROM session_state
                WHERE caller_id != '' AND
-- include within/sessions.sql
                GROUP BY session_id
                HAVING count() > 1 AND max(last_seen_at) >= {since:DateTime} AND max(last_seen_at) < {until:DateTime}
            )
    )
)
WHERE notEmpty(others) AND end >= {since:DateTime} AND end < {until:DateTime}
GROUP BY session_id
ORDER BY session_id
