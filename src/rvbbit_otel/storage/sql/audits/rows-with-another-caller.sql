-- name: rows-with-another-caller
-- kind: rule
-- title: Rows whose parent span, session or caller span names another caller
-- finding: A row is credited to one caller, and what it is part of to another, and neither says that two answers differed.
-- remedy: Look at caller_source of the row, and at who else works in its trace. `inherited` is a guess by design; two sure ones are a bug: report it.
-- parameter: since DateTime = 1970-01-01 00:00:00
-- parameter: until DateTime = 2106-01-01 00:00:00
WITH
    -- Nearly every trace has one caller: only what is of the others is read whole.
    mixed AS
    (
        SELECT TraceId
        FROM otel_traces
        WHERE caller_id != '' AND Timestamp >= toDateTime64({since:DateTime}, 0) - INTERVAL 1 HOUR AND Timestamp < toDateTime64({until:DateTime}, 0) + INTERVAL 1 HOUR
        GROUP BY TraceId
        HAVING min(caller_id) != max(caller_id)
    ),
    spans AS
    (
        SELECT
            Timestamp AS time,
            TraceId AS trace_id,
            SpanId AS span_id,
            ParentSpanId AS parent_id,
            SpanName AS name,
            session_id,
            toString(otel_traces.caller_id) AS caller_id,
            SpanAttributes['rvbbit.caller.source'] AS caller_source,
            SpanAttributes['rvbbit.caller.conflict'] != '' AS says_so,
            SpanAttributes['rvbbit.kind'] = 'caller' AS is_caller_span,
            SpanAttributes['rvbbit.session.event'] IN ('start', 'end') AS is_of_session
        FROM otel_traces
        WHERE caller_id != '' AND Timestamp >= toDateTime64({since:DateTime}, 0) - INTERVAL 1 HOUR AND Timestamp < toDateTime64({until:DateTime}, 0) + INTERVAL 1 HOUR AND TraceId IN (SELECT TraceId FROM mixed)
    )
SELECT found.1 AS witness, found.2 AS names, caller_id, caller_source, session_id, trace_id, span_id, name
FROM
(
    SELECT
        row.*,
        arrayFilter(each -> notEmpty(each.2) AND NOT has(each.2, row.caller_id), [
            ('parent span', if(parent.caller_id = '' OR parent.says_so, [], [parent.caller_id])),
            ('session', if(row.session_id = '', [], row.callers_of_session)),
            -- A caller whose own span has not come yet may have one in this trace.
            ('caller span', if(row.caller_id IN (SELECT caller_id FROM callers), row.callers_of_trace, []))
        ]) AS witnesses
    FROM
    (
        SELECT
            *,
            groupUniqArrayIf(16)(caller_id, is_caller_span) OVER (PARTITION BY trace_id) AS callers_of_trace,
            groupUniqArrayIf(16)(caller_id, is_of_session) OVER (PARTITION BY trace_id, session_id) AS callers_of_session
        FROM spans
    ) AS row
    LEFT JOIN spans AS parent ON parent.trace_id = row.trace_id AND parent.span_id = row.parent_id
    WHERE row.time >= {since:DateTime} AND row.time < {until:DateTime} AND NOT row.says_so AND NOT row.is_caller_span
)
ARRAY JOIN witnesses AS found
ORDER BY trace_id, span_id, witness
