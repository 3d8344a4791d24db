-- What calls to models come to, by model, most expensive first.
SELECT
    toString(model) AS model,
    toString(provider) AS provider,
    -- include accounts/sums.sql
FROM unified_logs AS logs
WHERE timestamp >= {since:DateTime} AND ({caller:String} = '' OR caller_id = {caller:String}) AND (usage_counted OR logs.cost != 0)
GROUP BY model, provider
ORDER BY cost DESC, calls DESC, model, provider
