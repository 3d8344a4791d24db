-- Which of several spans about one call counts, and what a call costs: the one place that decides it (ADR 17, 18).
--   Two instrumentations that tell of the same call: the same tokens, at the same time, under one trace, session or response id, from two scopes. Each scope's
--   calls are numbered in order of time; those of one number are one call, and one span counts: what is stored already, else a runner's own row, one that
--   states a cost, one with a caller, one that tells more, the shorter one.
--   A span in which others tell: it counts where it tells more than all of them together, and then they don't; of what is stored and counted already it
--   counts the rest. A call that comes after the span in which it lies counts what it tells beyond that.
--   A stated cost goes the same way by itself. A price is computed only where nobody states one.
CREATE MATERIALIZED VIEW IF NOT EXISTS spans_ruled_mv TO spans_in AS
WITH RECURSIVE
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
            if(own, 0, cityHash64(ServiceName, ScopeName)) AS scope,
            (model != '') + (response_id != '') + (told_cached != 0) + (told_reasoning != 0) AS detail,
            trace_hash,
            cityHash64(SpanId) AS span,
            if(ParentSpanId = '', 0, cityHash64(ParentSpanId)) AS parent,
            Timestamp AS start,
            end_time AS finish,
            told_in,
            told_out,
            told_cost,
            toUInt64(0) AS counted_in,
            toUInt64(0) AS counted_out,
            toInt64(0) AS counted_cost
        FROM spans_told
        WHERE tells
        UNION ALL
        SELECT key, call, true, own, true, scope, detail, trace_hash, span, parent, start, finish, told_in, told_out, told_cost, counted_in, counted_out, counted_cost
        FROM calls_told
        WHERE key IN (SELECT arrayJoin(call_keys) FROM spans_told WHERE tells)
    )
    ORDER BY stored DESC
    LIMIT 1 BY key, call
),
-- One span for each call that two instrumentations tell of alike.
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
        max(numbered.place > 1 AND NOT numbered.stored) AS told_by_another,
        if(told_by_another, 0, any(numbered.told_in)) AS told_in,
        if(told_by_another, 0, any(numbered.told_out)) AS told_out,
        any(numbered.told_cost) AS told_cost,
        if(told_by_another, max(numbered.cost_there), 0) AS counted_there,
        any(numbered.counted_in) AS counted_in,
        any(numbered.counted_out) AS counted_out,
        any(numbered.counted_cost) AS counted_cost
    FROM
    (
        SELECT
            *,
            row_number() OVER same AS place,
            first_value(told_cost IS NULL) OVER same AS is_unpriced_there,
            first_value(counted_cost) OVER same AS cost_there
        FROM
        (
            SELECT
                *,
                row_number() OVER (PARTITION BY key, told_in, told_out, at_once, scope ORDER BY start, call) AS number,
                -- Of two that tell of the same calls the one nearer to the provider is shorter.
                avg(toUnixTimestamp64Nano(finish) - toUnixTimestamp64Nano(start)) OVER (PARTITION BY key, told_in, told_out, at_once, scope) AS length
            FROM
            (
                -- A runner's log row has no length: it is written when the call is over.
                SELECT
                    *,
                    if(
                        max(own AND start = finish) OVER (PARTITION BY key, told_in, told_out),
                        0,
                        sum(begins) OVER (PARTITION BY key, told_in, told_out ORDER BY start, finish DESC, call)
                    ) AS at_once
                FROM
                (
                    SELECT
                        *,
                        start > max(finish) OVER (
                            PARTITION BY key, told_in, told_out ORDER BY start, finish DESC, call ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
                        ) AS begins
                    FROM tellers
                    WHERE NOT (stored AND counted_in = 0 AND counted_out = 0 AND counted_cost = 0)
                )
            )
        )
        WINDOW same AS (
            PARTITION BY key, told_in, told_out, at_once, number, if(told_in + told_out = 0, call, 0)
            ORDER BY stored DESC, own DESC, told_cost IS NOT NULL DESC, claimed DESC, detail DESC, length, scope, call
        )
    ) AS numbered
    GROUP BY call
    -- Of one whose call another tells of, only a price that nobody else states.
    HAVING NOT told_by_another OR told_cost IS NOT NULL AND min(numbered.place = 1 OR numbered.is_unpriced_there)
),
-- Each of them, with itself and with every span around it, as far up as 64. Only where several of one trace overlap.
around AS
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
),
-- The rule, for each of them. `inside_...`: of what lies in it.
ruled AS
(
    SELECT
        call,
        stored,
        told_cost,
        NOT beaten AND (inside = 0 OR beats) AS takes_tokens,
        if(takes_tokens, told_in - least(told_in, inside_counted_in + above_counted_in), 0) AS takes_in,
        if(takes_tokens, told_out - least(told_out, inside_counted_out + above_counted_out), 0) AS takes_out,
        told_cost IS NOT NULL AND NOT cost_beaten AND (inside_priced = 0 OR cost_beats) AS takes_cost,
        -- What it adds to what is counted already.
        if(takes_cost, greatest(0, ifNull(told_cost, 0) - greatest(inside_counted_cost, counted_there) - above_counted_cost), 0) AS takes_dollars,
        inside_priced > 0 OR cost_above AS priced_elsewhere
    FROM
    (
        SELECT
            *,
            max(beats AND NOT itself) OVER inner_one AS beaten,
            max(cost_beats AND NOT itself) OVER inner_one AS cost_beaten,
            max(cost_stays AND NOT itself) OVER inner_one AS cost_above,
            max(if(itself, 0, outer_counted_in)) OVER inner_one AS above_counted_in,
            max(if(itself, 0, outer_counted_out)) OVER inner_one AS above_counted_out,
            max(if(itself, 0, outer_counted_cost)) OVER inner_one AS above_counted_cost
        FROM
        (
            SELECT
                *,
                NOT outer_stored AND inside > 0
                    AND outer_in + outer_out > inside_counted_in + inside_counted_out + inside_told AS beats,
                NOT outer_stored AND outer_priced AND inside_priced + inside_counted_cost > 0 AND outer_cost > inside_counted_cost + inside_stated AS cost_beats,
                if(outer_stored, outer_counted_cost > 0 AND outer_priced, outer_priced AND (inside_priced = 0 OR cost_beats)) AS cost_stays
            FROM
            (
                SELECT
                    *,
                    sumIf(1, NOT itself) OVER outer_one AS inside,
                    sumIf(1, NOT itself AND told_cost IS NOT NULL) OVER outer_one AS inside_priced,
                    sumIf(counted_in, NOT itself) OVER outer_one AS inside_counted_in,
                    sumIf(counted_out, NOT itself) OVER outer_one AS inside_counted_out,
                    sumIf(counted_cost, NOT itself) OVER outer_one AS inside_counted_cost,
                    sumIf(told_in + told_out, NOT itself AND NOT stored AND innermost) OVER outer_one AS inside_told,
                    sumIf(ifNull(told_cost, 0), NOT itself AND NOT stored AND innermost_priced) OVER outer_one AS inside_stated,
                    maxIf(told_in, itself) OVER outer_one AS outer_in,
                    maxIf(told_out, itself) OVER outer_one AS outer_out,
                    maxIf(ifNull(told_cost, 0), itself) OVER outer_one AS outer_cost,
                    maxIf(told_cost IS NOT NULL, itself) OVER outer_one AS outer_priced,
                    maxIf(stored, itself) OVER outer_one AS outer_stored,
                    maxIf(counted_in, itself) OVER outer_one AS outer_counted_in,
                    maxIf(counted_out, itself) OVER outer_one AS outer_counted_out,
                    maxIf(counted_cost, itself) OVER outer_one AS outer_counted_cost
                FROM
                (
                    SELECT
                        *,
                        maxIf(lies_in_it, itself) OVER inner_one = 0 AS innermost,
                        maxIf(priced_in_it, itself) OVER inner_one = 0 AS innermost_priced
                    FROM
                    (
                        SELECT
                            *,
                            outer = span AS itself,
                            count() OVER outer_one - 1 AS lies_in_it,
                            sumIf(1, outer != span AND told_cost IS NOT NULL) OVER outer_one AS priced_in_it,
                            -- Spans that tell of no call are no part of the rule.
                            max(outer = span) OVER outer_one AS outer_tells,
                            -- Nothing lies in itself, whatever a sender says.
                            max(above = span) OVER (PARTITION BY call) AS circular
                        FROM around
                        WINDOW outer_one AS (PARTITION BY trace_hash, outer)
                    )
                    WHERE outer_tells AND (itself OR NOT circular)
                    WINDOW inner_one AS (PARTITION BY call)
                )
                WINDOW outer_one AS (PARTITION BY trace_hash, outer)
            )
        )
        WINDOW inner_one AS (PARTITION BY call)
    )
    WHERE itself
)
SELECT
    priced.* EXCEPT (usage_counted, tokens_in, tokens_out, cost, cost_source, takes_in, takes_out, takes_cost, takes_dollars, priced_elsewhere, rates, beside, at, rate, computed, to_be_priced),
    tells AND (takes_in != 0 OR takes_out != 0 OR takes_cost) AS usage_counted,
    takes_in AS tokens_in,
    takes_out AS tokens_out,
    toDecimal64(multiIf(takes_cost, takes_dollars, to_be_priced AND tupleElement(rate, 1) = 1, toInt64(computed), 0), 0) * toDecimal64('0.000000000001', 12) AS cost,
    multiIf(
        takes_cost, 'stated',
        takes_in = 0 AND takes_out = 0, '',
        priced_elsewhere, 'elsewhere',
        awaited, 'awaited',
        tupleElement(rate, 1) = 1, concat('computed ', tupleElement(rate, 13)),
        'unpriced'
    ) AS cost_source
FROM
(
    SELECT
        spans_told.*,
        takes_in,
        takes_out,
        takes_cost,
        takes_dollars,
        priced_elsewhere,
        rates,
        takes_in + takes_out > 0 AND NOT takes_cost AND NOT priced_elsewhere AND NOT awaited AS to_be_priced,
        -- Some report tokens of the cache beside those that went in, others among them.
        if(told_cached + told_cache_write > told_in, told_cached + told_cache_write, 0) AS beside,
        toUnixTimestamp(toDateTime(Timestamp)) AS at,
        arrayLast(
            each -> tupleElement(each, 2) <= at AND tupleElement(each, 3) <= at % 86400 AND at % 86400 < tupleElement(each, 4)
                AND (tupleElement(each, 5) = 0 OR told_in + beside > tupleElement(each, 5)),
            rates
        ) AS rate,
        if(
            takes_in = told_in AND takes_out = told_out,
            tupleElement(rate, 6) * (told_in + beside - least(told_in + beside, told_cached + told_cache_write + told_audio_in))
                + tupleElement(rate, 7) * told_cached
                + tupleElement(rate, 8) * told_cache_write
                + tupleElement(rate, 9) * told_audio_in
                + tupleElement(rate, 10) * (told_out - least(told_out, told_reasoning + told_audio_out))
                + tupleElement(rate, 11) * told_reasoning
                + tupleElement(rate, 12) * told_audio_out,
            tupleElement(rate, 6) * takes_in + tupleElement(rate, 10) * takes_out
        ) AS computed
    FROM spans_told
    LEFT JOIN (SELECT call AS ruled_call, takes_in, takes_out, takes_cost, takes_dollars, priced_elsewhere FROM ruled WHERE NOT stored) AS ruling
        ON ruling.ruled_call = spans_told.call AND spans_told.tells
    LEFT JOIN
    (
        SELECT provider AS priced_provider, model AS priced_model, model_prices.rates AS rates
        FROM model_prices FINAL
        WHERE (provider, model) IN (SELECT provider, model FROM spans_told WHERE tells)
    ) AS price ON price.priced_provider = spans_told.provider AND price.priced_model = spans_told.model
) AS priced
