-- Whom rows and log records belong to that named a session and no caller, where what is stored tells it (ADR 14): for `rvbbit-otel repair`. One row for
-- each minute of a trace in which a session has any, and claim, as session_facts has them. The rule is word for word that of spans_found_mv.
CREATE VIEW IF NOT EXISTS stragglers AS
WITH lost AS
(
    SELECT session_id, trace_hash, part, part % 2 = 1 AS denied, min(found.first_time) AS first_time, max(found.last_time) AS last_time
    FROM
    (
        SELECT session_id, trace_hash, part, first_time, last_time
        FROM session_facts
        WHERE claim IN ('open', 'none') AND (session_id, trace_hash, part) IN (
            SELECT session_id, bitShiftRight(cityHash64(trace_id), 24), toUInt32(intDiv(toUnixTimestamp64Nano(timestamp), 60000000000) * 2 + (claim = 'none'))
            FROM unified_logs
            WHERE caller_id = '' AND claim IN ('open', 'none')
            UNION ALL
            SELECT session_id, trace_hash, part FROM session_facts WHERE caller = ''
        )
        UNION ALL
        SELECT
            session_id,
            bitShiftRight(cityHash64(TraceId), 24),
            toUInt32(intDiv(toUnixTimestamp64Nano(Timestamp), 60000000000) * 2 + (LogAttributes['rvbbit.caller.source'] = 'none')),
            Timestamp,
            Timestamp
        FROM otel_logs
        WHERE caller_id = '' AND session_id != '' AND LogAttributes['rvbbit.caller.id'] = ''
            AND NOT match(LogAttributes['rvbbit.caller.candidate'], '^[A-Za-z0-9_.:-]{1,128}$')
    ) AS found
    GROUP BY session_id, trace_hash, part
)
SELECT
    straggler.session_id AS session_id,
    straggler.trace_hash AS trace_hash,
    straggler.part AS part,
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
    ) AS caller_id
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
    FROM (SELECT *, last_event > 0 AS begins_or_ends FROM session_facts WHERE session_id IN (SELECT session_id FROM lost)) AS told
    GROUP BY session_id, trace_hash
) AS run ON run.session_id = straggler.session_id
WHERE run.trace_hash = straggler.trace_hash OR run.first_time <= straggler.last_time
GROUP BY session_id, trace_hash, part, straggler.denied
HAVING caller_id != ''
