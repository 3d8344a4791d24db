ALTER TABLE unified_logs
UPDATE
    cost = toDecimal64(tupleElement(arrayMap(
-- include prices/rule.sql
        ,
        [(SELECT groupArrayArray(rates) FROM model_prices FINAL WHERE provider = {provider:String} AND model = {model:String})],
        [toUnixTimestamp(toDateTime(timestamp))],
        [tokens_in], [tokens_out], [told_tokens_in], [told_tokens_out], [tokens_cached], [tokens_cache_write], [tokens_reasoning], [tokens_audio_in], [tokens_audio_out]
    )[1], 2), 0) * toDecimal64('0.000000000001', 12),
    cost_source = arrayMap(
        price -> if(tupleElement(price, 1), concat('computed ', tupleElement(price, 3)), 'unpriced'),
        [arrayMap(
-- include prices/rule.sql
            ,
            [(SELECT groupArrayArray(rates) FROM model_prices FINAL WHERE provider = {provider:String} AND model = {model:String})],
            [toUnixTimestamp(toDateTime(timestamp))],
            [tokens_in], [tokens_out], [told_tokens_in], [told_tokens_out], [tokens_cached], [tokens_cache_write], [tokens_reasoning], [tokens_audio_in], [tokens_audio_out]
        )[1]]
    )[1]
WHERE provider = {provider:String} AND model = {model:String} AND (cost_source = 'unpriced' OR startsWith(cost_source, 'computed '))
    AND cityHash64(trace_id, span_id) NOT IN (SELECT arrayJoin(replaces) FROM calls_told)
SETTINGS mutations_sync = 2, allow_nondeterministic_mutations = 1
