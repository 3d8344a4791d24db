-- Chargeback: dollars of a time range by caller, origin, cascade, model, day, or a key of the callers' metadata.
SELECT
    substringUTF8(multiIf(
        {by:String} = 'origin', if(caller_id = '', 'nobody', if(known.origin != '', known.origin, toString(caller_origin))),
        {by:String} = 'cascade', toString(cascade_id),
        {by:String} = 'model', if(provider = '', toString(model), concat(provider, ' / ', model)),
        {by:String} = 'day', toString(toDate(timestamp, 'UTC')),
        {by:String} = 'service', toString(service_name),
        {by:String} = 'metadata', if(caller_id = '', 'nobody', JSONExtractString(known.metadata, {key:String})),
        if(caller_id = '', 'nobody', toString(caller_id))
    ), 1, 300) AS what,
    uniqExactIf(caller_id, caller_id != '') AS callers,
    uniqExact(session_id) AS sessions,
    countIf(usage_counted) AS calls,
    sum(logs.tokens_in) AS tokens_in,
    sum(logs.tokens_cached) AS tokens_cached,
    sum(logs.tokens_out) AS tokens_out,
    sum(logs.tokens_reasoning) AS tokens_reasoning,
    sum(logs.cost) AS cost,
    sumIf(logs.cost, cost_source = 'stated') AS cost_stated,
    sumIf(logs.cost, startsWith(cost_source, 'computed ')) AS cost_computed,
    sumIf(logs.cost, caller_source = 'inherited') AS cost_weak,
    countIf(cost_source IN ('unpriced', 'awaited')) AS calls_unpriced,
    sum(sum(logs.cost)) OVER () AS cost_of_all,
    count() OVER () AS lines
FROM unified_logs AS logs
LEFT JOIN (SELECT caller_id AS known_id, origin, metadata FROM callers) AS known ON known.known_id = logs.caller_id
WHERE timestamp >= {since:DateTime} AND timestamp < {until:DateTime} AND (usage_counted OR logs.cost != 0)
GROUP BY what
ORDER BY if({by:String} = 'day', what, '') DESC, cost DESC, calls DESC, what
LIMIT {limit:UInt32}
