-- Whom rows and log records belong to that named a session and no caller, where what is stored tells it (ADR 14): for `rvbbit-otel repair`. `part` as in
-- session_facts; of a log record a hash of its time and source. The rule is word for word that of spans_found_mv.
CREATE VIEW IF NOT EXISTS stragglers AS
WITH
-- Of a session that nobody claims there may be any number of rows, and nothing to be found.
claimed AS
(
    SELECT session_id
    FROM session_facts
    WHERE claim > 'nobody' AND session_id IN (SELECT session_id FROM session_facts WHERE claim IN ('open', 'none'))
),
lost AS
(
    SELECT session_id, trace_hash, part, max(claim = 'none') AS denied, min(told.first_time) AS first_time, max(told.last_time) AS last_time
    FROM session_facts AS told
    WHERE claim IN ('open', 'none') AND session_id IN (SELECT session_id FROM claimed)
        AND (caller = '' OR (session_id, trace_hash, part) IN (
            SELECT session_id, bitShiftRight(cityHash64(trace_id), 24), bitShiftRight(cityHash64(span_id), 24)
            FROM unified_logs
            WHERE caller_id = '' AND session_id IN (SELECT session_id FROM claimed)
            UNION ALL
            SELECT session_id, bitShiftRight(cityHash64(TraceId), 24), bitShiftRight(cityHash64(SpanId), 24)
            FROM otel_traces
            WHERE caller_id = '' AND session_id IN (SELECT session_id FROM claimed)
        ))
    GROUP BY session_id, trace_hash, part
    UNION ALL
    SELECT DISTINCT
        session_id,
        bitShiftRight(cityHash64(TraceId), 24),
        bitShiftRight(cityHash64(Timestamp, LogAttributes['rvbbit.caller.source']), 24),
        LogAttributes['rvbbit.caller.source'] = 'none',
        Timestamp,
        Timestamp
    FROM otel_logs
    WHERE caller_id = '' AND session_id != '' AND LogAttributes['rvbbit.caller.id'] = ''
        AND NOT match(LogAttributes['rvbbit.caller.candidate'], '^[A-Za-z0-9_.:-]{1,128}$')
)
SELECT
    session_id,
    trace_hash,
    part,
    multiIf(
        -- Its trace has a row of which the session itself says whose it is: that one, if it is one; but where the program knew nobody, only while that
        -- lasts: after it, it may be another run of which the start was lost.
        own_said, if(NOT own_unsure AND (NOT denied OR own_from <= began AND at <= own_to), own_caller, ''),
        -- It has none. All of the session that is of its trace, or began before it ended, names one caller, and is no run that nobody claims; and a
        -- run of that caller lasts from before it to after it, or rows of its trace name that caller, and none there says that nobody is known.
        length(callers) = 1 AND NOT unsure_before AND NOT own_unsure AND (at <= said_until OR own_named AND NOT denied), callers[1],
        ''
    ) AS caller_id
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
            part,
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
            0,
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
        FROM (SELECT *, last_event > 0 AS begins_or_ends FROM session_facts WHERE session_id IN (SELECT session_id FROM lost)) AS told
        GROUP BY session_id, trace_hash
    )
    WINDOW
        own AS (PARTITION BY session_id, trace_hash),
        before AS (PARTITION BY session_id ORDER BY at),
        around AS (PARTITION BY session_id ORDER BY began)
)
WHERE sought AND caller_id != ''
