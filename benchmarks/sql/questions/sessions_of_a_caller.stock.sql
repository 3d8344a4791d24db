SELECT SpanAttributes['session.id'] AS session_id, min(Timestamp) AS started_at, count() AS rows
FROM stock_otel_traces WHERE SpanAttributes['rvbbit.caller.id'] = {caller:String} GROUP BY session_id ORDER BY started_at
