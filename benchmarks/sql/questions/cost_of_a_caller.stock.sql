SELECT count() AS rows, sumIf(toUInt64OrZero(SpanAttributes['gen_ai.usage.input_tokens']), SpanAttributes['rvbbit.usage.counted'] = 'true'),
    sumIf(toUInt64OrZero(SpanAttributes['gen_ai.usage.output_tokens']), SpanAttributes['rvbbit.usage.counted'] = 'true'),
    sumIf(toFloat64OrZero(SpanAttributes['rvbbit.usage.cost']), SpanAttributes['rvbbit.usage.counted'] = 'true')
FROM stock_otel_traces WHERE SpanAttributes['rvbbit.caller.id'] = {caller:String}
