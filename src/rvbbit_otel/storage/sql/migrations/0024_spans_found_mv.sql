-- A straggler gets the caller of the run that it belongs to, where what is stored and its own block together tell which that is (ADR 14). `run` is what
-- is known of the session in one trace. The rule is word for word that of the view `stragglers`, which looks at what is stored alone.
CREATE MATERIALIZED VIEW IF NOT EXISTS spans_found_mv TO spans_in AS
WITH lost AS
(
    SELECT session_id, trace_hash, claim = 'none' AS denied, min(Timestamp) AS first_time, max(end_time) AS last_time
    FROM spans_sought
    WHERE is_row AND claim IN ('open', 'none')
    GROUP BY session_id, trace_hash, denied
)
SELECT
    spans_sought.* EXCEPT (caller_id, caller_source),
    if(is_row AND claim IN ('open', 'none'), found_caller, spans_sought.caller_id) AS caller_id,
    if(is_row AND claim IN ('open', 'none') AND found_caller != '', 'repair', spans_sought.caller_source) AS caller_source
FROM spans_sought
LEFT JOIN
(
    SELECT
        straggler.session_id AS found_session,
        straggler.trace_hash AS found_trace,
        straggler.denied AS found_denied,
        multiIf(
            -- Its trace has a row of which the session itself says whose it is; but where the program knew nobody, only while that lasts: after it, it may be
            -- another run of which the start was lost.
            max(run.said AND run.trace_hash = straggler.trace_hash),
                anyIf(run.caller, run.trace_hash = straggler.trace_hash AND run.callers = 1 AND NOT run.of_nobody
                    AND (NOT straggler.denied OR run.said_from <= straggler.first_time AND straggler.last_time <= run.said_to)),
            -- It has none. All of the session that is of its trace, or began before it ended, names one caller, and is no run that nobody claims; and a
            -- run of that caller lasts from before it to after it, or rows of its trace name that caller, and none there says that nobody is known.
            max(run.callers) = 1 AND uniqExactIf(run.caller, run.callers > 0) = 1 AND NOT max(run.of_nobody OR run.callers = 0 AND run.begun)
                AND max(run.said_from <= straggler.first_time AND straggler.last_time <= run.said_to
                    OR run.trace_hash = straggler.trace_hash AND run.stated AND NOT run.denied AND NOT straggler.denied),
                anyIf(run.caller, run.callers > 0),
            ''
        ) AS found_caller
    FROM lost AS straggler
    INNER JOIN
    (
        SELECT
            session_id,
            trace_hash,
            min(told.first_time) AS first_time,
            max(told.last_time) AS last_time,
            minIf(told.first_time, claim = 'session') AS said_from,
            maxIf(told.last_time, claim = 'session') AS said_to,
            uniqExactIf(told.caller, claim > 'nobody') AS callers,
            anyIf(told.caller, claim > 'nobody') AS caller,
            max(claim = 'session') AS said,
            max(claim = 'stated') AS stated,
            max(claim = 'none') AS denied,
            max(claim <= 'nobody' AND begins_or_ends) AS begun,
            max(claim IN ('none', 'nobody') AND begins_or_ends) AS of_nobody
        FROM
        (
            SELECT session_id, trace_hash, claim, caller, first_time, last_time, last_event > 0 AS begins_or_ends
            FROM session_facts
            WHERE session_id IN (SELECT session_id FROM lost)
            UNION ALL
            SELECT session_id, trace_hash, claim, caller_id, Timestamp, end_time, session_event IN ('start', 'end')
            FROM spans_sought
            WHERE is_row AND session_id IN (SELECT session_id FROM lost)
        ) AS told
        GROUP BY session_id, trace_hash
    ) AS run ON run.session_id = straggler.session_id
    WHERE run.trace_hash = straggler.trace_hash OR run.first_time <= straggler.last_time
    GROUP BY found_session, found_trace, found_denied
) AS found ON found_session = spans_sought.session_id AND found_trace = spans_sought.trace_hash AND found_denied = (spans_sought.claim = 'none')
