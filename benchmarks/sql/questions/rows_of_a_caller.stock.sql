SELECT Timestamp, SpanAttributes['session.id'], SpanAttributes['rvbbit.kind'], SpanName, SpanAttributes['rvbbit.log.role'], toFloat64OrZero(SpanAttributes['rvbbit.usage.cost'])
FROM stock_otel_traces WHERE SpanAttributes['rvbbit.caller.id'] = {caller:String} ORDER BY Timestamp
