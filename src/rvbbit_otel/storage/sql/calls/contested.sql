-- Whether a span of the block may tell of a call that another tells of too, or may lie in another that tells: true or false for each key that they share.
-- It may where a key has two scopes, a runner's own row or a price that comes later; where a call is told again, or two calls have one response id; and
-- where two of a trace overlap. Else each span is a call by itself, and the whole rule (0032_spans_ruled_mv.sql) says no more.
SELECT
    max(of_runner) OR max(scope) != min(scope) OR uniqExact(call) != count()
        OR uniqExactIf(call, response != 0) != uniqExactIf(response, response != 0)
        OR arrayExists(
            (one, next) -> next.1 <= one.2,
            arrayPopBack(arraySort(groupArrayIf((start, finish), key = trace_key)) AS spans),
            arrayPopFront(spans)
        )
FROM
(
    SELECT
        arrayJoin(call_keys) AS key,
        call,
        own OR awaited AS of_runner,
        cityHash64(ServiceName, ScopeName, kind = 'llm') AS scope,
        if(response_id = '', 0, cityHash64('response', response_id)) AS response,
        cityHash64('trace', trace_hash) AS trace_key,
        Timestamp AS start,
        end_time AS finish
    FROM spans_telling
    WHERE tells
    UNION ALL
    SELECT key, call, own OR awaited, scope, response, cityHash64('trace', trace_hash), start, finish
    FROM calls_told
    WHERE key IN (SELECT arrayJoin(call_keys) FROM spans_telling WHERE tells)
)
GROUP BY key
