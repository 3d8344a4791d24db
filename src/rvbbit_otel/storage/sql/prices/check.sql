-- What the rows of a model would cost by other rates, beside what they cost now. As arrays of one, since the gate of the embedded store knows a
-- function of no name only inside of arrayMap.
SELECT
    count() AS calls,
    countIf(cost_source = 'unpriced') AS calls_unpriced,
    sum(cost) AS cost_now,
    sum(toDecimal64(tupleElement(arrayMap(
-- include prices/rule.sql
        ,
        [{rates:Array(Tuple(UInt8, UInt32, UInt32, UInt32, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, String))}],
        [toUnixTimestamp(toDateTime(timestamp))],
        [tokens_in], [tokens_out], [told_tokens_in], [told_tokens_out], [tokens_cached], [tokens_cache_write], [tokens_reasoning], [tokens_audio_in],
        [tokens_audio_out]
    )[1], 2), 0) * toDecimal64('0.000000000001', 12)) AS cost_then
FROM unified_logs
WHERE provider = {provider:String} AND model = {model:String} AND (cost_source = 'unpriced' OR startsWith(cost_source, 'computed '))
    AND cityHash64(trace_id, span_id) NOT IN (SELECT arrayJoin(replaces) FROM calls_told)
