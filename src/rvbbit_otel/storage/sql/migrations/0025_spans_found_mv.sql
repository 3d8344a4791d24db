-- A straggler gets the caller of the run that it belongs to, where what is stored and its own block together tell which that is (ADR 14). What is known of
-- a session in one trace is a run. Runs and stragglers are put in order of time and read once, since one session id may be that of very many runs. The rule is
-- word for word that of the view `stragglers`, which looks at what is stored alone.
CREATE MATERIALIZED VIEW IF NOT EXISTS spans_found_mv TO spans_owned AS
WITH lost AS
(
    SELECT DISTINCT session_id, trace_hash, claim = 'none' AS denied, Timestamp AS first_time, end_time AS last_time
    FROM spans_sought
    WHERE is_row AND claim IN ('open', 'none')
)
SELECT
    spans_sought.* EXCEPT (caller_id, caller_source, call_keys),
    if(is_row AND claim IN ('open', 'none'), found_caller, spans_sought.caller_id) AS caller_id,
    if(is_row AND claim IN ('open', 'none') AND found_caller != '', 'repair', spans_sought.caller_source) AS caller_source,
    arrayMap(
        key -> if(key = cityHash64('session', session_id, spans_sought.caller_id), cityHash64('session', session_id, caller_id), key), spans_sought.call_keys
    ) AS call_keys
FROM spans_sought
LEFT JOIN
(
    SELECT
        session_id AS found_session,
        trace_hash AS found_trace,
        denied AS found_denied,
        began AS found_from,
        at AS found_to,
        multiIf(
            -- Its trace has a row of which the session itself says whose it is: that one, if it is one; but where the program knew nobody, only while that
            -- lasts: after it, it may be another run of which the start was lost.
            own_said, if(NOT own_unsure AND (NOT denied OR own_from <= began AND at <= own_to), own_caller, ''),
            -- It has none. All of the session that is of its trace, or began before it ended, names one caller, and is no run that nobody claims; and a
            -- run of that caller lasts from before it to after it, or rows of its trace name that caller, and none there says that nobody is known.
            length(callers) = 1 AND NOT unsure_before AND NOT own_unsure AND (at <= said_until OR own_named AND NOT denied), callers[1],
            ''
        ) AS found_caller
    FROM
    (
        SELECT
            *,
            max(said) OVER own AS own_said,
            max(said_from) OVER own AS own_from,
            max(said_to) OVER own AS own_to,
            max(caller) OVER own AS own_caller,
            max(named) OVER own AS own_named,
            max(unsure) OVER own AS own_unsure,
            max(unsure) OVER before AS unsure_before,
            arrayFilter(each -> each != '', arrayDistinct([own_caller, max(caller) OVER before, minIf(caller, caller != '') OVER before])) AS callers,
            max(said_to) OVER around AS said_until
        FROM
        (
            -- Of a run `at` is when it began, and `began` when the session began to say whose it is; of a straggler they are its end and its begin.
            SELECT
                session_id,
                trace_hash,
                true AS sought,
                denied,
                first_time AS began,
                last_time AS at,
                toDateTime64(0, 9) AS said_from,
                toDateTime64(0, 9) AS said_to,
                '' AS caller,
                false AS said,
                false AS named,
                false AS unsure
            FROM lost
            UNION ALL
            SELECT
                session_id,
                trace_hash,
                false,
                false,
                minIf(told.first_time, claim = 'session') AS first_said,
                min(told.first_time),
                first_said,
                maxIf(told.last_time, claim = 'session'),
                anyIf(told.caller, claim > 'nobody'),
                max(claim = 'session'),
                max(claim = 'stated') AND NOT max(claim = 'none'),
                uniqExactIf(told.caller, claim > 'nobody') > 1
                    OR max(claim IN ('none', 'nobody') AND begins_or_ends)
                    OR max(claim <= 'nobody' AND begins_or_ends) AND NOT max(claim > 'nobody')
            FROM
            (
                SELECT session_id, trace_hash, claim, caller_id AS caller, Timestamp AS first_time, end_time AS last_time, session_event IN ('start', 'end') AS begins_or_ends
                FROM spans_sought
                WHERE is_row AND session_id IN (SELECT session_id FROM spans_sought WHERE is_row AND claim IN ('open', 'none'))
                UNION ALL
                -- What is stored of sessions that somebody claims: of others there may be any number of rows, and nothing to be found.
                SELECT session_id, trace_hash, claim, caller, first_time, last_time, last_event > 0
                FROM session_facts
                WHERE session_id IN (SELECT session_id FROM spans_sought WHERE is_row AND claim IN ('open', 'none'))
                    AND session_id IN (
                        SELECT session_id FROM spans_sought WHERE is_row AND claim > 'nobody'
                        UNION ALL
                        SELECT session_id
                        FROM session_facts
                        WHERE claim > 'nobody' AND session_id IN (SELECT session_id FROM spans_sought WHERE is_row AND claim IN ('open', 'none'))
                    )
            ) AS told
            GROUP BY session_id, trace_hash
        )
        WINDOW
            own AS (PARTITION BY session_id, trace_hash),
            before AS (PARTITION BY session_id ORDER BY at),
            around AS (PARTITION BY session_id ORDER BY began)
    )
    WHERE sought AND found_caller != ''
) AS found
    ON found_session = spans_sought.session_id AND found_trace = spans_sought.trace_hash AND found_denied = (spans_sought.claim = 'none')
        AND found_from = spans_sought.Timestamp AND found_to = spans_sought.end_time
