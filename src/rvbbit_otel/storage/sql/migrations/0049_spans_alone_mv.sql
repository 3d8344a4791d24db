-- Blocks in which each span that tells of a call is the only one to tell of it: each counts what it tells. The whole rule gives the same, at four times the price of
-- an insert (ADR 47).
CREATE MATERIALIZED VIEW IF NOT EXISTS spans_alone_mv TO spans_in AS
WITH
-- include prices/rule.sql
AS priced
SELECT
    * EXCEPT (usage_counted, tokens_in, tokens_out, cost, cost_source, rates, price, stated),
    tells AND (told_in != 0 OR told_out != 0 OR stated) AS usage_counted,
    if(tells, told_in, 0) AS tokens_in,
    if(tells, told_out, 0) AS tokens_out,
    toDecimal64(multiIf(NOT tells, 0, stated, assumeNotNull(told_cost), tupleElement(price, 1), tupleElement(price, 2), 0), 0) * toDecimal64('0.000000000001', 12) AS cost,
    multiIf(
        NOT tells, '',
        stated, 'stated',
        told_in = 0 AND told_out = 0, '',
        tupleElement(price, 1), concat('computed ', tupleElement(price, 3)),
        'unpriced'
    ) AS cost_source
FROM
(
    SELECT
        spans_telling.*,
        rates,
        ifNull(told_cost, -1) >= 0 AS stated,
        priced(
            rates, toUnixTimestamp(toDateTime(Timestamp)), told_in, told_out, told_in, told_out, told_cached, told_cache_write, told_reasoning, told_audio_in,
            told_audio_out
        ) AS price
    FROM spans_telling
    LEFT JOIN
    (
        SELECT provider, model, model_prices.rates AS rates
        FROM model_prices FINAL
        WHERE (provider, model) IN (SELECT provider, model FROM spans_telling WHERE tells)
    ) AS price_of_model USING (provider, model)
)
WHERE true NOT IN (
-- include calls/contested.sql
)
