-- What the rows of a model would cost by other rates, beside what they cost now.
WITH
-- include prices/rule.sql
AS priced
SELECT
    count() AS calls,
    countIf(cost_source = 'unpriced') AS calls_unpriced,
    sum(cost) AS cost_now,
    sum(toDecimal64(tupleElement(priced(
        {rates:Array(Tuple(UInt8, UInt32, UInt32, UInt32, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, String))},
        toUnixTimestamp(toDateTime(timestamp)),
        tokens_in, tokens_out, told_tokens_in, told_tokens_out, tokens_cached, tokens_cache_write, tokens_reasoning, tokens_audio_in, tokens_audio_out
    ), 2), 0) * toDecimal64('0.000000000001', 12)) AS cost_then
FROM unified_logs
WHERE provider = {provider:String} AND model = {model:String} AND (cost_source = 'unpriced' OR startsWith(cost_source, 'computed '))
