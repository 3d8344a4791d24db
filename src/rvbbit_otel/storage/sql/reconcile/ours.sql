-- What our rows say from {begin} until before {end}, by day (UTC), model and, where {named}, the API key and project that their caller names: what was counted
-- (`counted`), and every reason for which that may differ from a provider's figures, with what it would change. A row can be there for several reasons.
WITH
    kind = 'llm' AS is_llm,
    usage_counted AND tokens_in + tokens_out > 0 AS is_call,
    empty({providers:Array(String)}) OR provider = '' OR has({providers:Array(String)}, lower(provider)) AS is_theirs,
    -- Some report tokens of the cache beside those that went in, others among them.
    tokens_cached + tokens_cache_write > told_tokens_in AS is_beside,
    tokens_in + if(is_beside, tokens_cached + tokens_cache_write, none) AS all_in,
    timestamp >= {begin:DateTime64(9)} AND timestamp < {end:DateTime64(9)} AS is_within,
    toDate(timestamp) AS today,
    -- It began that near the day before, or ended that near the next one or in it.
    multiIf(
        toDate(subtractSeconds(timestamp, {edge:UInt32})) != today, subtractDays(today, 1),
        toDate(addSeconds(addMilliseconds(timestamp, toInt64(duration_ms)), {edge:UInt32})) != today, addDays(today, 1),
        today
    ) AS other_day
SELECT
    toString(found.1) AS day,
    model,
    key,
    project,
    found.2 AS reason,
    count() AS rows,
    sum(found.3) AS calls,
    sum(found.4) AS tokens_in,
    sum(found.5) AS tokens_out,
    toString(sum(found.6)) AS cost,
    countIf(is_open) AS open_calls,
    groupArraySorted(3)(concat(toString(timestamp), ' ', session_id, ' ', if(caller_id = '', '-', caller_id), ' ', trace_id, ' ', span_id)) AS examples
FROM
(
    SELECT
        timestamp,
        session_id,
        toString(caller_id) AS caller_id,
        trace_id,
        span_id,
        toString(model) AS model,
        is_call AND cost_source IN ('unpriced', 'awaited') AS is_open,
        arrayJoin(arrayFilter(each -> each.2 != '', [
            (today, if(is_within AND is_theirs AND usage_counted, 'counted', ''), toUInt64(is_call), all_in, tokens_out, cost),
            (today, if(is_within AND is_theirs AND is_llm AND NOT usage_counted AND told_tokens_in + told_tokens_out = 0 AND told_cost IS NULL, 'no-usage', ''), one, none, none, zero),
            (today, if(is_within AND is_theirs AND NOT usage_counted AND told_tokens_in + told_tokens_out > 0, 'told-not-counted', ''), one, told_tokens_in, told_tokens_out, ifNull(told_cost, zero)),
            (today, if(is_within AND is_theirs AND is_call AND tokens_in + tokens_out < told_tokens_in + told_tokens_out, 'counted-in-part', ''), none, toUInt64(told_tokens_in - least(told_tokens_in, tokens_in)), toUInt64(told_tokens_out - least(told_tokens_out, tokens_out)), zero),
            (today, if(is_within AND is_theirs AND is_open, 'unpriced', ''), one, all_in, tokens_out, zero),
            (today, if(is_within AND is_theirs AND cost_source = 'elsewhere', 'priced-elsewhere', ''), one, all_in, tokens_out, zero),
            (today, if(is_within AND is_theirs AND usage_counted AND NOT is_call, 'cost-without-tokens', ''), none, none, none, cost),
            (today, if(is_within AND is_theirs AND is_call AND startsWith(cost_source, 'computed '), 'cost-computed', ''), one, all_in, tokens_out, cost),
            (today, if(is_within AND is_theirs AND is_call AND cost_source = 'stated', 'cost-stated', ''), one, all_in, tokens_out, cost),
            (today, if(is_within AND is_theirs AND is_call AND NOT is_beside AND tokens_cached + tokens_cache_write > 0, 'cache-beside', ''), none, tokens_cached + tokens_cache_write, none, zero),
            (today, if(is_within AND is_theirs AND is_call AND provider = '' AND notEmpty({providers:Array(String)}), 'provider-unknown', ''), one, all_in, tokens_out, cost),
            (today, if(is_within AND is_theirs AND is_call AND other_day != today, 'edge-of-this-day', ''), one, all_in, tokens_out, cost),
            (other_day, if(is_theirs AND is_call AND other_day != today, 'edge-of-another-day', ''), one, all_in, tokens_out, cost),
            (today, if(is_within AND NOT is_theirs AND is_call, 'other-provider', ''), one, all_in, tokens_out, cost)
        ])) AS found
    FROM (SELECT *, toDecimal64(0, 12) AS zero, toUInt64(0) AS none, toUInt64(1) AS one FROM unified_logs)
    WHERE timestamp >= subtractSeconds({begin:DateTime64(9)}, 86400) AND timestamp < addSeconds({end:DateTime64(9)}, {edge:UInt32})
) AS logs
LEFT JOIN
(
    SELECT
        caller_id AS named_id,
        if(JSONExtractString(metadata, 'api_key_id') != '', JSONExtractString(metadata, 'api_key_id'), JSONExtractString(metadata, 'api_key')) AS key,
        multiIf(
            JSONExtractString(metadata, 'project_id') != '', JSONExtractString(metadata, 'project_id'),
            JSONExtractString(metadata, 'workspace_id') != '', JSONExtractString(metadata, 'workspace_id'),
            JSONExtractString(metadata, 'workspace') != '', JSONExtractString(metadata, 'workspace'),
            JSONExtractString(metadata, 'project')
        ) AS project
    FROM callers
    WHERE {named:UInt8}
) AS named ON named.named_id = logs.caller_id
GROUP BY day, model, key, project, reason
ORDER BY day, model, key, project, reason
