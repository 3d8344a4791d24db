-- What one budget's calls came to from {begin} until before {end}, and who spent most of it: the first five callers, each with the sums over all of them.
-- A pattern of '%' is for everything; {metadata} is JSON, what the caller's own has to say. (A text is a parameter that every client writes alike; a list is not.)
SELECT
    caller_id,
    toString(sum(logs.cost)) AS cost,
    sum(logs.tokens_in + logs.tokens_out) AS tokens,
    sum(toUInt64(is_call)) AS calls,
    sum(toUInt64(is_open)) AS open_calls,
    toString(sum(sum(logs.cost)) OVER ()) AS all_cost,
    sum(sum(logs.tokens_in + logs.tokens_out)) OVER () AS all_tokens,
    sum(sum(toUInt64(is_call))) OVER () AS all_calls,
    sum(sum(toUInt64(is_open))) OVER () AS all_open_calls,
    sum(sum(if(is_open, logs.tokens_in + logs.tokens_out, 0))) OVER () AS all_open_tokens,
    count() OVER () AS callers
FROM
(
    SELECT
        toString(caller_id) AS caller_id,
        caller_origin,
        cost,
        tokens_in,
        tokens_out,
        tokens_in + tokens_out > 0 AS is_call,
        is_call AND cost_source IN ('unpriced', 'awaited') AS is_open
    FROM unified_logs
    WHERE usage_counted
        AND timestamp >= {begin:DateTime64(9)} AND timestamp < {end:DateTime64(9)}
        AND caller_id LIKE {caller:String}
        AND model LIKE {model:String}
        -- A row that names no cascade is of its session's.
        AND ({cascade:String} = '%' OR if(
            cascade_id != '',
            cascade_id LIKE {cascade:String},
            (session_id, toString(caller_id)) IN (SELECT session_id, caller_id FROM cascade_sessions WHERE {cascade:String} != '%' AND cascade_id LIKE {cascade:String})
        ))
) AS logs
LEFT JOIN (SELECT caller_id AS known_id, origin, metadata FROM callers WHERE {origin:String} != '%' OR {metadata:String} != '{}') AS known ON known.known_id = logs.caller_id
WHERE (if(known.origin != '', known.origin, toString(logs.caller_origin)) LIKE {origin:String})
    AND arrayAll(
        said -> if(
            JSONType(known.metadata, said.1) = 'String' AND JSONType({metadata:String}, said.1) = 'String',
            JSONExtractString(known.metadata, said.1) = JSONExtractString({metadata:String}, said.1),
            JSONExtractRaw(known.metadata, said.1) = said.2
        ),
        JSONExtractKeysAndValuesRaw({metadata:String})
    )
GROUP BY caller_id
ORDER BY sum(logs.cost) DESC, tokens DESC, caller_id
LIMIT 5
