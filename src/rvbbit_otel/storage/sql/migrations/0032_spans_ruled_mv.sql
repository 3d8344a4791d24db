-- Which of several spans about one call counts, and what a call costs: the one place that decides it (ADR 17, 18).
--   Two instrumentations that tell of the same call: the same tokens, at the same time, under one trace, session or response id, from two scopes. There are as
--   many calls as the scope tells of that tells of most. What is stored stays; else a runner's own row counts, one with a caller, one that states a cost,
--   one that tells more, the shorter one.
--   A span in which others tell: it counts where it tells more than all of them together, and then they don't; of what is stored and counted already it
--   counts the rest. A call that comes after the span in which it lies counts what it tells beyond that.
--   A stated cost goes the same way by itself. A price is computed only where nobody states one.
CREATE MATERIALIZED VIEW IF NOT EXISTS spans_ruled_mv TO spans_in AS
WITH
tellers AS
(
    SELECT *
    FROM
    (
        SELECT
            arrayJoin(call_keys) AS key,
            call,
            false AS stored,
            own,
            claim > 'nobody' AS claimed,
            -- A runner's rows are told from those of other runs by their session alone.
            (NOT own OR key = cityHash64('session', session_id, caller_id)) AND spans_told.told_in + spans_told.told_out > 0 AS alike,
            if(own, 0, cityHash64(ServiceName, ScopeName, kind = 'llm')) AS scope,
            (model != '') + (response_id != '') + (told_cached != 0) + (told_reasoning != 0) AS detail,
            trace_hash,
            cityHash64(SpanId) AS span,
            if(ParentSpanId = '', 0, cityHash64(ParentSpanId)) AS parent,
            Timestamp AS start,
            end_time AS finish,
            toInt64(spans_told.told_in) AS told_in,
            toInt64(spans_told.told_out) AS told_out,
            told_cost,
            toInt64(0) AS counted_in,
            toInt64(0) AS counted_out,
            toInt64(0) AS counted_cost
        FROM spans_told
        WHERE tells
        UNION ALL
        SELECT key, call, true, own, true, alike, scope, detail, trace_hash, span, parent, start, finish, toInt64(calls_told.told_in), toInt64(calls_told.told_out), told_cost,
            toInt64(calls_told.counted_in), toInt64(calls_told.counted_out), counted_cost
        FROM calls_told
        WHERE key IN (SELECT arrayJoin(call_keys) FROM spans_told WHERE tells)
    )
    ORDER BY stored DESC
    LIMIT 1 BY key, call
),
-- One span for each call that two instrumentations tell of alike. Of one scope's spans each is another call, so there are as many calls as the scope tells of that
-- tells of most: a span whose place in its scope's count is no further than what is counted already adds nothing, and of those that share a place one counts.
candidates AS
(
    SELECT
        call,
        any(numbered.stored) AS stored,
        any(numbered.trace_hash) AS trace_hash,
        any(numbered.span) AS span,
        any(numbered.parent) AS parent,
        any(numbered.start) AS start,
        any(numbered.finish) AS finish,
        max(numbered.is_another) AS told_by_another,
        if(told_by_another, 0, any(numbered.told_in))::Int64 AS told_in,
        if(told_by_another, 0, any(numbered.told_out))::Int64 AS told_out,
        any(numbered.told_cost) AS told_cost,
        any(numbered.counted_in) AS counted_in,
        any(numbered.counted_out) AS counted_out,
        any(numbered.counted_cost) AS counted_cost,
        if(told_by_another, max(numbered.computed_there), 0) AS computed_there,
        max(numbered.is_priced_beside) AS priced_beside
    FROM
    (
        SELECT
            *,
            NOT stored AND alike AND (position <= counted_calls OR row_number() OVER same > 1) AS is_another,
            if(
                position <= counted_calls,
                stated_there,
                max(told_cost IS NOT NULL) OVER (
                    PARTITION BY key, told_in, told_out, alike, at_once, position, stored
                    ORDER BY own DESC, told_cost IS NOT NULL DESC, claimed DESC, detail DESC, length, scope, call ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
                )
            ) AS is_priced_there,
            -- The one of these that counts is priced by another.
            NOT stored AND alike AND NOT is_another AND told_cost IS NULL
                AND max(told_cost IS NOT NULL) OVER (PARTITION BY key, told_in, told_out, alike, at_once, position, stored) AS is_priced_beside
        FROM
        (
            SELECT
                *,
                countIf(stored) OVER one_scope + row_number() OVER (PARTITION BY key, told_in, told_out, at_once, scope, stored ORDER BY start, call) AS position,
                -- Of two that tell of the same calls the one nearer to the provider is shorter.
                avg(toUnixTimestamp64Nano(finish) - toUnixTimestamp64Nano(start)) OVER one_scope AS length,
                countIf(stored AND counted_in + counted_out > 0) OVER all_scopes AS counted_calls,
                maxIf(counted_cost, stored AND told_cost IS NULL) OVER all_scopes AS computed_there,
                maxIf(told_cost IS NOT NULL, stored AND (counted_in + counted_out > 0 OR counted_cost != 0)) OVER all_scopes AS stated_there
            FROM
            (
                -- A runner's log row has no length: it is written when the call is over.
                SELECT
                    *,
                    if(
                        max(own AND start = finish) OVER (PARTITION BY key, told_in, told_out, alike),
                        0,
                        sum(begins) OVER (PARTITION BY key, told_in, told_out, alike ORDER BY start, finish DESC, call)
                    ) AS at_once
                FROM
                (
                    SELECT
                        *,
                        start > max(finish) OVER (
                            PARTITION BY key, told_in, told_out, alike ORDER BY start, finish DESC, call ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
                        ) AS begins
                    FROM tellers
                )
            )
            WINDOW
                one_scope AS (PARTITION BY key, told_in, told_out, alike, at_once, scope),
                all_scopes AS (PARTITION BY key, told_in, told_out, alike, at_once)
        )
        WINDOW same AS (
            PARTITION BY key, told_in, told_out, alike, at_once, position, stored
            ORDER BY own DESC, claimed DESC, told_cost IS NOT NULL DESC, detail DESC, length, scope, call
        )
    ) AS numbered
    WHERE NOT (numbered.stored AND numbered.counted_in = 0 AND numbered.counted_out = 0 AND numbered.counted_cost = 0)
    GROUP BY call
    -- Of one whose call another tells of, only a price that nobody else states.
    HAVING NOT told_by_another OR told_cost IS NOT NULL AND NOT max(numbered.is_another AND numbered.is_priced_there)
),
-- The rule, for each of them. `inside`: of what lies in it, how many, how many with a price, tokens in, tokens out and dollars that are counted already, tokens
-- and dollars that the innermost of the block tell, and dollars that were computed. `outside`: of what it lies in, whether one beats it, whether one's price does, whether one's price
-- stays, and tokens in, tokens out and dollars that are counted already.
ruled AS
(
    SELECT
        call,
        stored,
        outside[1] = 0 AND (inside[1] = 0 OR beats) AS takes_tokens,
        if(takes_tokens, told_in - least(told_in, inside[3] + outside[4]), 0) AS takes_in,
        if(takes_tokens, told_out - least(told_out, inside[4] + outside[5]), 0) AS takes_out,
        is_priced AND outside[2] = 0 AND (inside[2] = 0 OR cost_beats) AS takes_cost,
        -- What it adds to what is counted already. Where that is a price that was computed before this one was stated, it may be less than nothing.
        if(takes_cost, greatest(0, dollars - inside[5] - outside[6]) - greatest(inside[8], computed_there), 0) AS takes_dollars,
        inside[2] > 0 OR outside[3] = 1 OR priced_beside AS priced_elsewhere
    FROM
    (
        SELECT
            *,
            maxForEachIf([toInt64(beats), toInt64(cost_beats), toInt64(cost_stays), outer_one.5, outer_one.6, outer_one.7], NOT itself) OVER (PARTITION BY call) AS outside
        FROM
        (
            SELECT
                *,
                NOT outer_one.2 AND inside[1] > 0 AND outer_one.3 > inside[3] + inside[4] + inside[6] AS beats,
                NOT outer_one.2 AND outer_one.4 >= 0 AND inside[2] + inside[5] > 0 AND outer_one.4 > inside[5] + inside[7] AS cost_beats,
                outer_one.4 >= 0 AND if(outer_one.2, outer_one.7 > 0, inside[2] = 0 OR cost_beats) AS cost_stays
            FROM
            (
                SELECT
                    *,
                    sumForEachIf(
                        [
                            toInt64(1), is_priced, counted_in, counted_out, counted_cost, if(stored OR its_own.1 > 0, toInt64(0), told_in + told_out),
                            if(stored OR its_own.2 > 0, toInt64(0), dollars)
                        ],
                        NOT itself
                    ) OVER (PARTITION BY trace_hash, outer) AS inside
                FROM
                (
                    -- Spans that tell of no call are no part of the rule, and nothing lies in itself, whatever a sender says.
                    SELECT *, anyIf((lie_in_it, priced_in_it), itself) OVER (PARTITION BY call) AS its_own
                    FROM
                    (
                        SELECT
                            *,
                            told_cost IS NOT NULL AS is_priced,
                            ifNull(told_cost, toInt64(0)) AS dollars,
                            outer = span AS itself,
                            count() OVER by_outer - 1 AS lie_in_it,
                            sumIf(1, NOT itself AND is_priced) OVER by_outer AS priced_in_it,
                            anyIf(
                                (true, stored, told_in + told_out, ifNull(told_cost, toInt64(-1)), counted_in, counted_out, counted_cost), itself
                            ) OVER by_outer AS outer_one,
                            max(above = span) OVER (PARTITION BY call) AS circular
                        FROM
                        (
                            -- Each of them, with itself and with every span around it, as far up as 64. Only where several of one trace overlap.
                            WITH RECURSIVE around AS
                            (
                                SELECT *, span AS outer, parent AS above, 0 AS steps
                                FROM
                                (
                                    SELECT *, max(overlaps) OVER (PARTITION BY trace_hash) AS nests
                                    FROM
                                    (
                                        SELECT
                                            *,
                                            start <= max(finish) OVER (
                                                PARTITION BY trace_hash ORDER BY start, finish DESC, call ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
                                            ) AS overlaps
                                        FROM candidates
                                    )
                                )
                                UNION ALL
                                SELECT around.* EXCEPT (outer, above, steps), around.above AS outer, ifNull(up.up_parent, 0) AS above, around.steps + 1
                                FROM around
                                LEFT JOIN
                                (
                                    SELECT up_trace, up_span, any(up_parent) AS up_parent
                                    FROM
                                    (
                                        SELECT trace_hash AS up_trace, cityHash64(SpanId) AS up_span, if(ParentSpanId = '', 0, cityHash64(ParentSpanId)) AS up_parent
                                        FROM spans_told
                                        WHERE reject = ''
                                        UNION ALL
                                        SELECT trace_hash, span, parent FROM span_parents WHERE trace_hash IN (SELECT trace_hash FROM spans_told WHERE tells)
                                    )
                                    GROUP BY up_trace, up_span
                                ) AS up ON up.up_trace = around.trace_hash AND up.up_span = around.above
                                WHERE around.nests AND around.above != 0 AND around.above != around.span AND around.steps < 64
                            )
                            SELECT * FROM around
                        )
                        WINDOW by_outer AS (PARTITION BY trace_hash, outer)
                    )
                    WHERE outer_one.1 AND (itself OR NOT circular)
                )
            )
        )
    )
    WHERE itself
),
-- What each of the block's spans counts, and what that costs.
counted AS
(
    SELECT
        call,
        takes_in,
        takes_out,
        takes_in != 0 OR takes_out != 0 OR takes_cost AS counts,
        multiIf(
            takes_cost, takes_dollars,
            to_be_priced, tupleElement(price, 2),
            0
        ) AS dollars,
        multiIf(
            takes_cost, 'stated',
            takes_in = 0 AND takes_out = 0, '',
            priced_elsewhere, 'elsewhere',
            awaited, 'awaited',
            to_be_priced, concat('computed ', tupleElement(price, 3)),
            'unpriced'
        ) AS source
    FROM
    (
        WITH
-- include prices/rule.sql
        AS priced
        SELECT
            *,
            priced(
                rates, at, takes_in, takes_out, told_in, told_out, told_cached, told_cache_write, told_reasoning, told_audio_in, told_audio_out
            ) AS price,
            NOT takes_cost AND NOT priced_elsewhere AND NOT awaited AND tupleElement(price, 1) AS to_be_priced
        FROM
        (
            SELECT
                call,
                provider,
                model,
                awaited,
                told_in,
                told_out,
                told_cached,
                told_cache_write,
                told_reasoning,
                told_audio_in,
                told_audio_out,
                toUnixTimestamp(toDateTime(Timestamp)) AS at
            FROM spans_told
            WHERE tells
        ) AS told
        INNER JOIN (SELECT call, takes_in, takes_out, takes_cost, takes_dollars, priced_elsewhere FROM ruled WHERE NOT stored) AS ruling USING (call)
        LEFT JOIN
        (
            SELECT provider, model, model_prices.rates AS rates
            FROM model_prices FINAL
            WHERE (provider, model) IN (SELECT provider, model FROM spans_told WHERE tells)
        ) AS price_of_model USING (provider, model)
    )
)
SELECT
    spans_told.* EXCEPT (usage_counted, tokens_in, tokens_out, cost, cost_source),
    counts AS usage_counted,
    takes_in AS tokens_in,
    takes_out AS tokens_out,
    toDecimal64(dollars, 0) * toDecimal64('0.000000000001', 12) AS cost,
    source AS cost_source
FROM spans_told
LEFT JOIN counted ON counted.call = spans_told.call AND spans_told.tells
