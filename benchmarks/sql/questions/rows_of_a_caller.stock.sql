SELECT Timestamp, SpanAttributes['session.id'], SpanAttributes['rvbbit.kind'], SpanName, SpanAttributes['rvbbit.log.role'],
    if(SpanAttributes['rvbbit.usage.counted'] = 'true', toFloat64OrZero(SpanAttributes['rvbbit.usage.cost']), 0)
FROM stock_otel_traces WHERE SpanAttributes['rvbbit.caller.id'] = {caller:String} ORDER BY Timestamp
