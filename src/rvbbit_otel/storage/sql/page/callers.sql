-- Callers in a time range: what each left behind, what it cost, and how its rows are known. Nobody's rows are the caller ''.
SELECT
    caller_id,
    origin,
    about,
    first_row,
    last_row,
    rows,
    sessions,
    calls,
    tokens_in,
    tokens_out,
    cost,
    cost_stated,
    cost_computed,
    calls_unpriced,
    errors,
    p50,
    p95,
    rows_explicit,
    rows_echo,
    rows_baggage,
    rows_repair,
    rows_inherited,
    cost_inherited,
    conflicts,
    count() OVER () AS callers
FROM
(
    SELECT
        caller_id,
        substringUTF8(if(known.origin != '', known.origin, origin_of_rows), 1, 200) AS origin,
        substringUTF8(arrayFirst(each -> each != '', [known.sql_query, known.route, known.job, example]), 1, 300) AS about,
        * EXCEPT (origin_of_rows, example)
    FROM
    (
        SELECT
            toString(unified_logs.caller_id) AS caller_id,
            toString(max(caller_origin)) AS origin_of_rows,
            substringUTF8(argMin(name, timestamp), 1, 300) AS example,
            min(timestamp) AS first_row,
            max(timestamp) AS last_row,
            count() AS rows,
            uniqExact(session_id) AS sessions,
            countIf(usage_counted) AS calls,
            sum(tokens_in) AS tokens_in,
            sum(tokens_out) AS tokens_out,
            sum(unified_logs.cost) AS cost,
            sumIf(unified_logs.cost, cost_source = 'stated') AS cost_stated,
            sumIf(unified_logs.cost, startsWith(cost_source, 'computed ')) AS cost_computed,
            countIf(cost_source IN ('unpriced', 'awaited')) AS calls_unpriced,
            countIf(error != '') AS errors,
            quantileOrNullIf(0.5)(toFloat64(duration_ms), kind = 'llm') AS p50,
            quantileOrNullIf(0.95)(toFloat64(duration_ms), kind = 'llm') AS p95,
            countIf(caller_source = 'explicit') AS rows_explicit,
            countIf(caller_source = 'echo') AS rows_echo,
            countIf(caller_source = 'baggage') AS rows_baggage,
            countIf(caller_source = 'repair') AS rows_repair,
            countIf(caller_source = 'inherited') AS rows_inherited,
            sumIf(unified_logs.cost, caller_source = 'inherited') AS cost_inherited,
            countIf(caller_conflict != '') AS conflicts
        FROM unified_logs
        WHERE timestamp >= {since:DateTime} AND timestamp < {until:DateTime}
            -- Nobody's rows and weakly known ones are sums of their own (callers_sums).
            AND caller_id != ''
            AND ({source:String} = '' OR caller_source = {source:String})
            AND ({model:String} = '' OR model = {model:String})
        GROUP BY caller_id
    ) AS logs
    LEFT JOIN
    (
        SELECT
            caller_id AS known_id,
            origin,
            JSONExtractString(metadata, 'sql_query') AS sql_query,
            JSONExtractString(metadata, 'route') AS route,
            JSONExtractString(metadata, 'job') AS job
        FROM callers
    ) AS known ON known.known_id = logs.caller_id
)
WHERE ({origin:String} = '' OR origin = {origin:String})
    AND ({q:String} = '' OR positionCaseInsensitiveUTF8(concat(caller_id, ' ', origin, ' ', about), {q:String}) > 0)
ORDER BY
    multiIf(
        {order:String} = 'when', toFloat64(toUnixTimestamp64Micro(last_row)),
        {order:String} = 'sessions', toFloat64(sessions),
        {order:String} = 'rows', toFloat64(rows),
        {order:String} = 'tokens', toFloat64(tokens_in + tokens_out),
        {order:String} = 'cost', toFloat64(cost),
        {order:String} = 'errors', toFloat64(errors),
        {order:String} = 'p95', ifNull(p95, -1),
        {order:String} = 'known', -rows_inherited / rows,
        0
    ) * {direction:Int8},
    if({order:String} = 'caller' AND {direction:Int8} > 0, caller_id, ''),
    if({order:String} = 'caller' AND {direction:Int8} < 0, caller_id, '') DESC,
    caller_id
LIMIT {limit:UInt32} OFFSET {offset:UInt32}
