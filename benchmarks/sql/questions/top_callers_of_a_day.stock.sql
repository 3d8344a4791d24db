SELECT SpanAttributes['rvbbit.caller.id'] AS caller_id, sumIf(toFloat64OrZero(SpanAttributes['rvbbit.usage.cost']), SpanAttributes['rvbbit.usage.counted'] = 'true') AS dollars
FROM stock_otel_traces
WHERE Timestamp >= toDateTime({day:Date}) AND Timestamp < toDateTime({day:Date}) + INTERVAL 1 DAY
GROUP BY caller_id ORDER BY dollars DESC, caller_id LIMIT 10
