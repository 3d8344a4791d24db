-- A measure over time, stacked by what {by} names. A series beyond the eighth is 'others'.
WITH
    series AS
    (
        SELECT
            timestamp,
            multiIf(
                {by:String} = 'model', toString(model),
                {by:String} = 'source', toString(caller_source),
                {by:String} = 'kind', toString(kind),
                {by:String} = 'caller', toString(caller_id),
                {by:String} = 'cascade', toString(cascade_id),
                caller_id = '', 'nobody',
                toString(caller_origin)
            ) AS named,
            multiIf(
                {measure:String} = 'rows', 1,
                {measure:String} = 'tokens', toFloat64(tokens_in + tokens_out),
                {measure:String} = 'errors', toFloat64(error != ''),
                toFloat64(cost)
            ) AS amount
        FROM unified_logs
        WHERE timestamp >= {since:DateTime} AND timestamp < {until:DateTime}
            AND ({caller:String} = '' OR caller_id = {caller:String})
    ),
    largest AS (SELECT named FROM series GROUP BY named HAVING sum(amount) > 0 ORDER BY sum(amount) DESC, named LIMIT 7)
SELECT
    intDiv(toUnixTimestamp(toDateTime(timestamp)), {step:UInt32}) * {step:UInt32} AS bucket,
    if(named IN (SELECT named FROM largest), substringUTF8(named, 1, 100), 'others') AS series,
    sum(series.amount) AS amount
FROM series
WHERE series.amount > 0
GROUP BY bucket, series
ORDER BY bucket, series
