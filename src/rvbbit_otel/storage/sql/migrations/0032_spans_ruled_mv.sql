-- Which of several spans about one call counts, and what a call costs: the one place that decides it (ADR 17, 18, 47).
--   What is known of calls only grows, and so does their sum: a block adds what the rule gives for what is stored and the block together, less what it gives for
--   what is stored alone. So the sum is the same in every order of arrival.
--   One call told of by several: by the response id they share, whatever their clocks say; else by the same tokens at the same time, from two scopes, under one
--   trace or session. Two response ids are two calls. There are as many calls as there are ids, or as the scope tells of that tells of most.
--   Of those a runner's own row counts, one with a caller, one that states a cost, one that tells more, the shorter one.
--   A span in which others tell: its value is what it tells or what those in it are worth together, whichever is more; tokens in, tokens out and stated
--   dollars each by itself. The inner ones count first, the outer one the rest.
--   A price is computed only where nobody states one, and makes room where one is stated later.
CREATE MATERIALIZED VIEW IF NOT EXISTS spans_ruled_mv TO spans_in AS
WITH
tellers AS
(
    SELECT *
    FROM
    (
        SELECT
            call,
            false AS stored,
            own,
            claim > 'nobody' AS claimed,
            awaited,
            kind = 'llm' AS is_model,
            if(own, 0, cityHash64(ServiceName, ScopeName, kind = 'llm')) AS scope,
            (model != '') + (response_id != '') + (told_cached != 0) + (told_reasoning != 0) AS detail,
            trace_hash,
            cityHash64('session', session_id, caller_id) AS session,
            if(response_id = '', 0, cityHash64('response', response_id)) AS response,
            length(response_id) >= 16 AS unique_id,
            cityHash64(SpanId) AS span,
            if(ParentSpanId = '', 0, cityHash64(ParentSpanId)) AS parent,
            Timestamp AS start,
            end_time AS finish,
            toInt64(spans_told.told_in) AS told_in,
            toInt64(spans_told.told_out) AS told_out,
            ifNull(told_cost, toInt64(-1)) AS price,
            false AS counted,
            false AS by_table,
            toInt64(0) AS counted_cost,
            toUInt8(0) AS beside,
            emptyArrayUInt64() AS replaces
        FROM spans_told
        WHERE tells
        UNION ALL
        SELECT call, true, own, true, awaited, false, scope, detail, trace_hash, session, response, unique_id, span, parent, start, finish,
            toInt64(calls_told.told_in), toInt64(calls_told.told_out), ifNull(told_cost, toInt64(-1)),
            calls_told.counted_in + calls_told.counted_out > 0, told_cost IS NULL AND NOT awaited AND calls_told.counted_in + calls_told.counted_out > 0, counted_cost, beside,
            replaces
        FROM calls_told
        WHERE key IN (SELECT arrayJoin(call_keys) FROM spans_told WHERE tells)
    )
    ORDER BY stored DESC
    LIMIT 1 BY call
),
-- Of whose computed price one that was stated took the place, it is none to be replaced.
priced AS
(
    SELECT * EXCEPT (replaces, about, is_replaced, by_table), by_table AND NOT is_replaced AS by_table
    FROM
    (
        SELECT *, max(about != call) OVER (PARTITION BY about) AS is_replaced
        FROM (SELECT *, arrayJoin(arrayPushFront(replaces, call)) AS about FROM tellers)
    )
    WHERE about = call
),
-- Each with the spans around it, from the nearest to the outermost: `ups`; `outers`: those of them that tell of calls. Its clock is that of the outermost of them
-- that tells the same, since another machine's may be wrong.
placed AS
(
    SELECT
        call,
        any(around.stored) AS stored,
        any(around.own) AS own,
        any(around.claimed) AS claimed,
        any(around.awaited) AS awaited,
        any(around.is_model) AS is_model,
        any(around.scope) AS scope,
        any(around.detail) AS detail,
        any(around.trace_hash) AS trace_hash,
        any(around.session) AS session,
        any(around.response) AS response,
        any(around.unique_id) AS unique_id,
        any(around.span) AS span,
        any(around.parent) AS parent,
        any(around.start) AS start,
        any(around.finish) AS finish,
        any(around.told_in) AS told_in,
        any(around.told_out) AS told_out,
        any(around.price) AS price,
        any(around.counted) AS counted,
        any(around.by_table) AS by_table,
        any(around.counted_cost) AS counted_cost,
        any(around.beside) AS beside,
        argMaxIf((outer_one.2, outer_one.3), steps, outer_one.1 != 0 AND (steps = 0 OR NOT lost AND outer_one.4 = around.told_in AND outer_one.5 = around.told_out)) AS clock,
        arrayMap(each -> each.2, arraySort(groupArrayIf((steps, outer_one.1), steps > 0 AND outer_one.1 != 0 AND NOT lost))) AS outers,
        arrayMap(each -> each.2, arraySort(groupArrayIf(
            (steps, outer_one.1), steps > 0 AND outer_one.1 != 0 AND NOT lost AND outer_one.4 = around.told_in AND outer_one.5 = around.told_out
        ))) AS equal_outers,
        groupArrayIf(outer, steps > 0 AND NOT lost) AS ups
    FROM
    (
        -- A circle of spans, or more than 200 in each other, is no place.
        SELECT
            *,
            anyIf((call, start, finish, told_in, told_out), outer = span AND steps = 0) OVER (PARTITION BY trace_hash, outer) AS outer_one,
            max(steps > 0 AND above = span OR steps = 200) OVER (PARTITION BY call) AS lost
        FROM
        (
            -- Only where several of one trace overlap, or several tell: clocks may differ then.
            WITH RECURSIVE around AS
            (
                SELECT *, span AS outer, parent AS above, 0 AS steps
                FROM
                (
                    SELECT
                        *,
                        max(overlaps) OVER by_trace OR min(scope) OVER by_trace != max(scope) OVER by_trace AS several,
                        several AND max(NOT stored) OVER by_trace AS nests
                    FROM
                    (
                        SELECT
                            *,
                            start <= max(finish) OVER (
                                PARTITION BY trace_hash ORDER BY start, finish DESC, call ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
                            ) AS overlaps
                        FROM priced
                    )
                    WINDOW by_trace AS (PARTITION BY trace_hash)
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
                WHERE around.nests AND around.above != 0 AND around.above != around.span AND around.steps < 200
            )
            SELECT * FROM around
        )
    ) AS around
    GROUP BY call
),
-- Which of them tell of one call by their response id, `class`, or by lying in each other and telling the same, `unit`: then all are of the class of one. A short
-- id may come again, so it says so only within ten minutes, and of the same tokens; and so does any that one scope tells twice. What wraps several such calls, as
-- a retry that tells what its last try used, is none of them.
united AS
(
    SELECT
        *,
        response != 0 OR class_inside != 0 AS has_id,
        multiIf(response != 0, class, class_inside != 0, class_inside, chain_top) AS unit
    FROM
    (
        SELECT
            *,
            maxIf(id_inside, NOT wraps) OVER by_call AS class_inside,
            argMaxIf(link.2, link.1, NOT wraps OR link.1 = 1) OVER by_call AS chain_top
        FROM
        (
            SELECT *, ids_inside > 1 OR max(told_by_one) OVER (PARTITION BY link.2) > 1 AS wraps
            FROM
            (
                SELECT
                    *,
                    uniqExactIf(class, response != 0) OVER (PARTITION BY link.2) AS ids_inside,
                    max(if(response != 0, class, 0)) OVER (PARTITION BY link.2) AS id_inside,
                    uniqExact(class) OVER (PARTITION BY link.2, scope) AS told_by_one
                FROM
                (
                    SELECT *, arrayJoin(arrayZip(arrayEnumerate(chain), chain)) AS link
                    FROM
                    (
                        SELECT
                            *,
                            if(response = 0, call, cityHash64(
                                response,
                                id_at,
                                same_told,
                                if(speaks, row_number() OVER (PARTITION BY response, id_at, same_told, scope, speaks ORDER BY stored DESC, start, call), 1)
                            )) AS class,
                            arrayPushFront(equal_outers, call) AS chain
                        FROM
                        (
                            SELECT
                                *,
                                if(
                                    NOT unique_id OR max(told_by_scope) OVER (PARTITION BY response, id_at, if(response = 0, call, 0)) > 1,
                                    if(speaks, (told_in, told_out), argMinIf((told_in, told_out), start, speaks) OVER (PARTITION BY response, id_at, if(response = 0, call, 0))),
                                    (toInt64(0), toInt64(0))
                                ) AS same_told
                            FROM
                            (
                                SELECT *, count() OVER (PARTITION BY response, id_at, scope, speaks, if(response = 0, call, 0)) AS told_by_scope
                                FROM
                                (
                                    SELECT *, if(unique_id, 0, sum(id_begins) OVER (PARTITION BY response, if(response = 0, call, 0) ORDER BY start, finish DESC, call)) AS id_at
                                    FROM
                                    (
                                        SELECT
                                            *,
                                            told_in + told_out > 0 AS speaks,
                                            start - INTERVAL 10 MINUTE > max(finish) OVER (
                                                PARTITION BY response, if(response = 0, call, 0) ORDER BY start, finish DESC, call ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
                                            ) AS id_begins
                                        FROM placed
                                    )
                                )
                            )
                        )
                    )
                )
            )
        )
        WINDOW by_call AS (PARTITION BY call)
    )
    WHERE link.1 = 1
),
-- All of a unit share their keys, the clock of the longest, and the most that one of them tells.
classed AS
(
    SELECT
        *,
        max(told_in) OVER in_unit AS most_in,
        max(told_out) OVER in_unit AS most_out,
        max(if(stored, told_in, 0)) OVER in_unit AS had_in,
        max(if(stored, told_out, 0)) OVER in_unit AS had_out,
        max(if(stored, price, -1)) OVER in_unit AS unit_price,
        max(price >= 0 OR awaited) OVER in_unit AS unit_states,
        max(stored AND (price >= 0 OR awaited)) OVER in_unit AS unit_was_stated,
        max(stored) OVER in_unit AS unit_before,
        uniqExact(scope) OVER in_unit AS unit_scopes,
        groupArrayIf((call, counted_cost), by_table) OVER in_unit AS unit_computed,
        row_number() OVER (
            PARTITION BY unit, stored, speaks ORDER BY own DESC, claimed DESC, price >= 0 DESC, detail DESC, finish - start, scope, call
        ) = 1 AS leads_unit,
        groupArray((call, outers)) OVER (PARTITION BY unit, stored ORDER BY price DESC, call ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS unit_prices,
        groupUniqArrayArray(if(own, [session], [trace_hash, session])) OVER in_unit AS keys,
        argMax(clock, finish - start) OVER in_unit AS unit_clock,
        speaks AND NOT wraps AS is_one
    FROM united
    WINDOW in_unit AS (PARTITION BY unit)
),
-- Who tells what another tells too. In a group of those with the same tokens at the same time each id is a call, and so is each span without one of a scope, beyond
-- the ids that the scope tells of: `place`. Of those that share a place one counts, and where the place was taken before, none does.
grouped AS
(
    SELECT *, told_by_another AND leads AS tells_more
    FROM
    (
        SELECT
            *,
            row_number() OVER (PARTITION BY call ORDER BY key) = 1 AS is_first_key,
            max(is_told) OVER by_call AS is_second,
            max(length(mates) > 0) OVER by_call AS told_by_another,
            max(arrayExists(
                mate -> (parent != 0 AND (parent = mate.2 OR has(mate.4, parent))) OR length(outers) > 0 AND (outers[1] = mate.1 OR has(mate.3, outers[1])),
                mates
            )) OVER by_call AS is_close,
            -- Of a unit the first of the block counts what it tells more than what is stored.
            speaks AND leads_unit AND NOT stored AND (most_in > had_in OR most_out > had_out) AND had_in + had_out > 0 AS leads,
            [told_in, told_out] AS told,
            [if(speaks, most_in, 0), if(speaks, most_out, 0)] AS most,
            [had_in, had_out] AS had,
            beside AS was_beside,
            max(greatest(unit_price, slot_price)) OVER by_call AS price_before,
            max(price >= 0 AND NOT stored AND arrayExists(
                mate -> NOT (has(mate.2, call) OR has(outers, mate.1)), arrayConcat(unit_prices, slot_prices)
            )) OVER by_call AS price_follows,
            max(unit_states OR slot_states) OVER by_call AS is_stated,
            groupUniqArrayArray(arrayConcat(
                if(unit_was_stated, [], unit_computed),
                if(slot_was_stated, [], arrayFilter(each -> NOT has(unit_computed, each), slot_computed))
            )) OVER by_call AS computed
        FROM
        (
            SELECT
                *,
                -- Who tells it before this one, or better. One in the other is a matter of what they are worth, further on.
                arrayFilter(
                    mate -> mate.1 != call AND is_told AND NOT (has(mate.3, call) OR has(outers, mate.1)),
                    arrayConcat(
                        groupArrayIf((call, span, outers, ups), stored) OVER in_slot,
                        groupArray((call, span, outers, ups)) OVER (
                            PARTITION BY in_group, place, stored
                            ORDER BY own DESC, claimed DESC, price >= 0 DESC, detail DESC, finish - start, scope, call ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
                        )
                    )
                ) AS mates,
                max(if(stored, price, -1)) OVER in_slot AS slot_price,
                max(price >= 0 OR awaited) OVER in_slot AS slot_states,
                max(stored AND (price >= 0 OR awaited)) OVER in_slot AS slot_was_stated,
                groupArrayIf((call, counted_cost), by_table) OVER in_slot AS slot_computed,
                groupArray((call, outers)) OVER (
                    PARTITION BY in_group, place, stored ORDER BY price DESC, call ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
                ) AS slot_prices
            FROM
            (
                SELECT *, NOT stored AND is_one AND (place <= calls_before OR row_number() OVER (PARTITION BY in_group, place, stored ORDER BY own DESC, claimed DESC, price >= 0 DESC, detail DESC, finish - start, scope, call) > 1) AS is_told
                FROM
                (
                    SELECT
                        *,
                        greatest(ids_before, counted_before, max(told_before) OVER (PARTITION BY in_group)) AS calls_before,
                        if(has_id, place_of_id, max(place_of_scope) OVER (PARTITION BY in_group, unit)) AS place
                    FROM
                    (
                        SELECT
                            *,
                            uniqExactIf(unit, has_id AND stored) OVER (PARTITION BY in_group) AS ids_before,
                            uniqExactIf(unit, counted) OVER (PARTITION BY in_group) AS counted_before,
                            uniqExactIf(unit, has_id AND stored) OVER of_scope AS ids_of_scope_before,
                            ids_of_scope_before + countIf(NOT has_id AND stored) OVER of_scope AS told_before,
                            dense_rank() OVER (PARTITION BY in_group, has_id ORDER BY unit_before DESC, unit) AS place_of_id,
                            -- In one order for all scopes, or two units that both of them tell of could come to one place.
                            if(unit_before, ids_of_scope_before, uniqExactIf(unit, has_id) OVER of_scope)
                                + row_number() OVER (PARTITION BY in_group, scope, has_id ORDER BY unit_before DESC, unit_scopes DESC, unit_clock.1, unit, call) AS place_of_scope
                        FROM
                        (
                            -- A runner's log row has no length: it is written when the call is over.
                            SELECT
                                *,
                                cityHash64(
                                    key,
                                    most_in,
                                    most_out,
                                    if(is_one, 0, call),
                                    if(max(own AND start = finish) OVER (PARTITION BY key, most_in, most_out, is_one), 0, sum(begins) OVER (
                                        PARTITION BY key, most_in, most_out, is_one ORDER BY unit_clock.1, unit_clock.2 DESC, unit, call
                                    ))
                                ) AS in_group
                            FROM
                            (
                                SELECT
                                    *,
                                    unit_clock.1 > max(unit_clock.2) OVER (
                                        PARTITION BY key, most_in, most_out, is_one
                                        ORDER BY unit_clock.1, unit_clock.2 DESC, unit, call ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
                                    ) AS begins
                                FROM
                                (
                                    SELECT *, arrayJoin(if(is_one, keys, [toUInt64(0)])) AS key
                                    FROM classed
                                )
                            )
                        )
                        WINDOW of_scope AS (PARTITION BY in_group, scope)
                    )
                )
            )
            WINDOW in_slot AS (PARTITION BY in_group, place)
        )
        WINDOW by_call AS (PARTITION BY call)
    )
    WHERE is_first_key
),
-- What each is worth, from the innermost outwards, a depth a step: `worth` by what is stored and the block together, `was_worth` by what is stored alone; tokens in,
-- tokens out and stated dollars each. `inside`: the sum of what lies in it directly. What another tells of elsewhere is taken for stored.
folded AS
(
    WITH RECURSIVE fold AS
    (
        SELECT
            *,
            tells_now AS worth,
            told_before AS was_worth,
            [toInt64(0), 0, 0] AS inside,
            [toInt64(0), 0, 0] AS was_inside,
            -- How many lie in it directly, whether it or one of them is stored or told of elsewhere, and whether what lies in it directly is second to another; which in it states a price now, and whether one did before.
            [toInt64(0), toInt64(stored OR told_by_another), 0] AS within,
            toUInt64(0) AS stating_in_it,
            toUInt8(0) AS stated_in_it_before,
            toInt64(max(depth) OVER ()) AS level
        FROM
        (
            SELECT
                *,
                arrayPushBack(tokens_now, if(price_is_beside, 0, greatest(0, price))) AS tells_now,
                arrayPushBack(tokens_before, multiIf(price_is_beside, 0, stored OR price_follows, greatest(0, price), greatest(0, least(price, price_before)))) AS told_before
            FROM
            (
                SELECT
                    *,
                    if(is_beside, [toInt64(0), 0], if(told_by_another AND NOT tells_more OR stored, told, most)) AS tokens_now,
                    multiIf(is_beside, [toInt64(0), 0], tells_more, had, stored OR told_by_another, told, [toInt64(0), 0]) AS tokens_before,
                    if(stored, bitTest(was_beside, 1), is_beside AND (price_follows OR price_before >= price)) AS price_is_beside
                FROM
                (
                    SELECT
                        *,
                        length(outers) AS depth,
                        if(length(outers) = 0, call, outers[-1]) AS root,
                        if(length(outers) = 0, 0, outers[1]) AS outer,
                        price >= 0 OR awaited AS states,
                        toUInt8((price >= 0 OR awaited) AND stored) AS states_before,
                        toUInt8((price >= 0 OR awaited) AND NOT stored) AS states_now,
                        NOT stored AND told_by_another AND is_close AND NOT tells_more OR bitTest(was_beside, 0) AS is_beside
                    FROM
                    (
                        SELECT
                            call, stored, own, awaited, is_model, start, price, by_table, counted_cost, outers, is_second, told_by_another, tells_more, told, most, had,
                            was_beside, price_before, price_follows, is_stated, computed,
                            max(grouped.is_close) OVER (PARTITION BY unit) AS is_close
                        FROM grouped
                    )
                )
            )
        )
        UNION ALL
        SELECT
            * EXCEPT (worth, was_worth, inside, was_inside, within, stating_in_it, stated_in_it_before, level, in_it, was_in_it, within_it, stating, stated_before, takes_in_more),
            if(takes_in_more, arrayMap((told, sum) -> greatest(told, sum), tells_now, in_it), worth),
            if(takes_in_more, arrayMap((told, sum) -> greatest(told, sum), told_before, was_in_it), was_worth),
            if(takes_in_more, in_it, inside),
            if(takes_in_more, was_in_it, was_inside),
            if(takes_in_more, [within_it[1], greatest(within[2], within_it[2]), within_it[3]], within),
            if(takes_in_more, stating, stating_in_it),
            if(takes_in_more, stated_before, stated_in_it_before),
            toInt64(level - 1)
        FROM
        (
            SELECT
                *,
                sumForEachIf(worth, depth = level) OVER one_and_its AS in_it,
                sumForEachIf(was_worth, depth = level) OVER one_and_its AS was_in_it,
                [toInt64(countIf(depth = level) OVER one_and_its), maxIf(within[2], depth = level) OVER one_and_its, toInt64(maxIf(is_second, depth = level) OVER one_and_its)] AS within_it,
                maxIf(if(states_now, call, stating_in_it), depth = level) OVER one_and_its AS stating,
                maxIf(greatest(states_before, stated_in_it_before), depth = level) OVER one_and_its AS stated_before,
                depth + 1 = level AND countIf(depth = level) OVER one_and_its > 0 AS takes_in_more
            FROM fold
            WHERE level > 0
            WINDOW one_and_its AS (PARTITION BY if(depth = level, outer, call))
        )
    )
    SELECT * FROM fold WHERE level = 0
),
-- What each of the block adds. Where a span of what is stored was worth more than what lay in it, and that is told now, so much of it counts already.
ruled AS
(
    SELECT
        call,
        stored,
        takes[1] AS takes_in,
        takes[2] AS takes_out,
        takes[3] AS takes_price,
        toUInt8(is_beside + 2 * price_is_beside) AS beside,
        price >= 0 AND NOT price_follows AND (takes[3] > 0 OR price = 0 AND price_before < 0 AND (told[1] + told[2] = 0 OR takes[1] + takes[2] > 0)) AS states_it,
        is_stated OR stating_in_it != 0 OR stated_in_it_before OR stated_around AS stated_elsewhere,
        replaces
    FROM
    (
        SELECT *, groupArrayIf((replaced_call, replaced_cost), NOT mine AND is_first) OVER (PARTITION BY target) AS replaces
        FROM
        (
            SELECT *, row_number() OVER (PARTITION BY replaced_call ORDER BY target) = 1 AS is_first
            FROM
            (
                SELECT *, entry.1 AS target, entry.2 AS mine, entry.3 AS replaced_call, entry.4 AS replaced_cost
                FROM
                (
                    SELECT
                        *,
                        arrayJoin(arrayConcat(
                            [(call, true, toUInt64(0), toInt64(0))],
                            if(NOT stored AND states, arrayMap(each -> (call, false, each.1, each.2), computed), []),
                            if(replaced_by = 0, [], [(replaced_by, false, call, counted_cost)])
                        )) AS entry
                    FROM
                    (
                        SELECT
                            *,
                            arrayMap(
                                (wish, before) -> wish - least(wish, greatest(0, before)),
                                wishes,
                                arrayMap((surplus, before) -> surplus - before, arrayResize(surpluses, 3), arrayResize(wished_before, 3))
                            ) AS takes
                        FROM
                        (
                            SELECT
                                *,
                                sumForEach(arrayMap(each -> greatest(0, -each), adds)) OVER (PARTITION BY root) AS surpluses,
                                sumForEach(wishes) OVER (PARTITION BY root ORDER BY in_stored DESC, start, call ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS wished_before
                            FROM
                            (
                                SELECT
                                    *,
                                    if(by_table_alone AND NOT stated_around_before, if(stating_around != 0, stating_around, stating_in_it), 0) AS replaced_by,
                                    multiIf(
                                        in_whole, [toInt64(0), 0, greatest(0, adds[3])],
                                        whole, [worth[1], worth[2], greatest(0, adds[3])],
                                        arrayMap(each -> greatest(0, each), adds)
                                    ) AS wishes
                                FROM
                                (
                                    SELECT
                                        *,
                                        adding AS adds,
                                        by_table AND states_before = 0 AND stated_in_it_before = 0 AS by_table_alone,
                                        max(around_it.2 AND NOT itself) OVER by_call AS in_stored,
                                        max(around_it.1 AND NOT itself) OVER by_call AS in_whole,
                                        max((around_it.3 OR around_it.4) AND NOT itself) OVER by_call AS stated_around,
                                        max(around_it.3 AND NOT itself) OVER by_call AS stated_around_before,
                                        maxIf(around_it.5, around_it.4 AND NOT itself) OVER by_call AS stating_around
                                    FROM
                                    (
                                        SELECT
                                            *,
                                            around_call = call AS itself,
                                            anyIf((whole, stored, states_before, states_now, call), around_call = call) OVER (PARTITION BY around_call) AS around_it
                                        FROM
                                        (
                                            SELECT *, arrayJoin(arrayPushFront(outers, call)) AS around_call
                                            FROM
                                            (
                                                -- A call to a model takes it whole where one span in it tells a part, as a client that saw only the begin of a stream, or the same and less besides.
                                                SELECT
                                                    *,
                                                    arrayMap((now, inside_now, before, inside_before) -> now - inside_now - before + inside_before, worth, inside, was_worth, was_inside) AS adding,
                                                    NOT stored AND is_model AND within[1] = 1 AND within[2] = 0 AND NOT told_by_another AND tells_now[1] >= inside[1] AND tells_now[2] >= inside[2]
                                                        AND (tells_now[1] + tells_now[2] > inside[1] + inside[2] OR within[3] = 1 AND NOT is_second) AS whole
                                                FROM folded
                                            )
                                        )
                                    )
                                    WINDOW by_call AS (PARTITION BY call)
                                )
                                WHERE itself
                            )
                        )
                    )
                )
            )
        )
    )
    WHERE mine
),
-- What each of the block's spans counts, and what that costs.
counted AS
(
    SELECT
        call,
        takes_in,
        takes_out,
        beside,
        replaced.1 AS replaces,
        takes_in != 0 OR takes_out != 0 OR states_it OR length(replaces) > 0 AS counts,
        multiIf(
            states_it OR length(replaces) > 0, takes_price,
            to_be_priced, tupleElement(price, 2),
            0
        ) - arraySum(arrayMap(each -> each.2, replaced)) AS dollars,
        multiIf(
            states_it, 'stated',
            awaited AND (takes_in != 0 OR takes_out != 0 OR length(replaces) > 0), 'awaited',
            takes_in = 0 AND takes_out = 0, if(length(replaces) > 0, 'stated', ''),
            stated_elsewhere, 'elsewhere',
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
            NOT states_it AND NOT stated_elsewhere AND NOT awaited AND tupleElement(price, 1) AS to_be_priced
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
        INNER JOIN (SELECT call, takes_in, takes_out, takes_price, beside, states_it, stated_elsewhere, replaces AS replaced FROM ruled WHERE NOT stored) AS ruling USING (call)
        LEFT JOIN
        (
            SELECT provider, model, model_prices.rates AS rates
            FROM model_prices FINAL
            WHERE (provider, model) IN (SELECT provider, model FROM spans_told WHERE tells)
        ) AS price_of_model USING (provider, model)
    )
)
SELECT
    spans_told.* EXCEPT (usage_counted, tokens_in, tokens_out, cost, cost_source, beside, replaces),
    counted.beside AS beside,
    counted.replaces AS replaces,
    counts AS usage_counted,
    takes_in AS tokens_in,
    takes_out AS tokens_out,
    toDecimal64(dollars, 0) * toDecimal64('0.000000000001', 12) AS cost,
    source AS cost_source
FROM spans_told
LEFT JOIN counted ON counted.call = spans_told.call AND spans_told.tells
