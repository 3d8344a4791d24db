SELECT SpanAttributes['session.id'] AS session_id, argMaxIf(SpanAttributes['rvbbit.session.status'], Timestamp, SpanAttributes['rvbbit.session.status'] != '') AS status,
    min(Timestamp) AS started_at, max(Timestamp) AS ended_at
FROM stock_otel_traces WHERE SpanAttributes['rvbbit.caller.id'] = {caller:String} GROUP BY session_id ORDER BY started_at, session_id
