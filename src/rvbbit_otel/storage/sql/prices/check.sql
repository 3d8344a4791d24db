-- What the rows of a model would cost by other rates, beside what they cost now.
SELECT
    count() AS calls,
    countIf(cost_source = 'unpriced') AS calls_unpriced,
    sum(cost) AS cost_now,
    sum(toDecimal64(toInt64(arrayMap(
        rate -> if(
            tokens_in = told_tokens_in AND tokens_out = told_tokens_out,
            tupleElement(rate, 6) * (
                tokens_in + if(tokens_cached + tokens_cache_write > tokens_in, tokens_cached + tokens_cache_write, 0)
                - least(
                    tokens_in + if(tokens_cached + tokens_cache_write > tokens_in, tokens_cached + tokens_cache_write, 0),
                    tokens_cached + tokens_cache_write + tokens_audio_in
                )
            )
                + tupleElement(rate, 7) * tokens_cached
                + tupleElement(rate, 8) * tokens_cache_write
                + tupleElement(rate, 9) * tokens_audio_in
                + tupleElement(rate, 10) * (tokens_out - least(tokens_out, tokens_reasoning + tokens_audio_out))
                + tupleElement(rate, 11) * tokens_reasoning
                + tupleElement(rate, 12) * tokens_audio_out,
            tupleElement(rate, 6) * tokens_in + tupleElement(rate, 10) * tokens_out
        ),
        [arrayLast(
            each -> tupleElement(each, 2) <= toUnixTimestamp(toDateTime(timestamp))
                AND tupleElement(each, 3) <= toUnixTimestamp(toDateTime(timestamp)) % 86400
                AND toUnixTimestamp(toDateTime(timestamp)) % 86400 < tupleElement(each, 4)
                AND (
                    tupleElement(each, 5) = 0
                    OR tokens_in + if(tokens_cached + tokens_cache_write > tokens_in, tokens_cached + tokens_cache_write, 0) > tupleElement(each, 5)
                ),
            {rates:Array(Tuple(UInt8, UInt32, UInt32, UInt32, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, String))}
        )]
    )[1]), 0) * toDecimal64('0.000000000001', 12)) AS cost_then
FROM unified_logs
WHERE provider = {provider:String} AND model = {model:String} AND (cost_source = 'unpriced' OR startsWith(cost_source, 'computed '))
