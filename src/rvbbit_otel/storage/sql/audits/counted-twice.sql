-- name: counted-twice
-- kind: rule
-- title: Calls that were counted twice
-- finding: Spans of two instrumentations tell of the same call, or one lies in the other, and together they count more than the one that tells most.
-- remedy: They came at once by two inserts that did not see each other, or by two shards. Send them again by one, or switch one of the instrumentations off.
-- parameter: since DateTime = 1970-01-01 00:00:00
-- parameter: until DateTime = 2106-01-01 00:00:00
WITH told AS
(
    SELECT *, counted_in + counted_out > 0 AS counts
    FROM calls_told FINAL
    WHERE start >= {since:DateTime} AND start < {until:DateTime}
    LIMIT 1 BY key, call
)
SELECT finding, trace_id, name, rows.start AS timestamp, caller_id, session_id, tokens_in, tokens_out, cost
FROM
(
    -- Told alike: what one scope's spans count at a time is all that there was, or what there are response ids of.
    SELECT arrayJoin(calls) AS call, 'told alike' AS finding
    FROM
    (
        SELECT key, told_in, told_out, at_once, groupUniqArrayArray(calls) AS calls, sum(counted) AS all_counted,
            greatest(max(told), (told_in + told_out) * length(groupUniqArrayArray(ids))) AS most
        FROM
        (
            SELECT key, told_in, told_out, at_once, scope, groupArrayIf(call, counts) AS calls, sum(counted_in + counted_out) AS counted, sum(told_in + told_out) AS told,
                groupUniqArrayIf(response, response != 0) AS ids
            FROM
            (
                SELECT *, sum(begins) OVER (PARTITION BY key, told_in, told_out ORDER BY start, finish DESC, call) AS at_once
                FROM
                (
                    SELECT
                        *,
                        start > max(finish) OVER (
                            PARTITION BY key, told_in, told_out ORDER BY start, finish DESC, call ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
                        ) AS begins
                    FROM told
                    WHERE told_in + told_out > 0 AND NOT (own AND start = finish)
                )
            )
            GROUP BY key, told_in, told_out, at_once, scope
        )
        GROUP BY key, told_in, told_out, at_once
        HAVING count() > 1 AND all_counted > most
    )
    UNION DISTINCT
    -- One in the other, or with one span between them.
    SELECT arrayJoin(arrayPushBack(inner_calls, outer_call)), 'one in the other'
    FROM
    (
        SELECT outer.call AS outer_call, groupUniqArray(inner.call) AS inner_calls
        FROM (SELECT DISTINCT call, trace_hash, span, counted_in, counted_out, told_in, told_out FROM told WHERE counts) AS outer
        INNER JOIN
        (
            SELECT call, trace_hash, counted_in, counted_out, told_in, told_out, parent AS lies_in FROM told
            UNION DISTINCT
            SELECT call, trace_hash, counted_in, counted_out, told_in, told_out, span_parents.parent
            FROM told
            INNER JOIN span_parents ON span_parents.trace_hash = told.trace_hash AND span_parents.span = told.parent
            WHERE told.parent != 0
        ) AS inner ON inner.trace_hash = outer.trace_hash AND inner.lies_in = outer.span
        WHERE inner.lies_in != 0 AND inner.call != outer.call
        GROUP BY outer.call
        HAVING any(outer.counted_in) + sum(inner.counted_in) > greatest(any(outer.told_in), sum(inner.told_in))
            OR any(outer.counted_out) + sum(inner.counted_out) > greatest(any(outer.told_out), sum(inner.told_out))
    )
) AS found
INNER JOIN
(
    SELECT cityHash64(trace_id, span_id) AS call, trace_id, name, timestamp AS start, caller_id, session_id, tokens_in, tokens_out, cost
    FROM unified_logs
    WHERE usage_counted AND timestamp >= {since:DateTime} AND timestamp < {until:DateTime}
) AS rows USING (call)
ORDER BY timestamp, trace_id, name, tokens_in
LIMIT 1 BY call
