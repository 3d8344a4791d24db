SELECT count() FROM otel_traces WHERE Timestamp > now() - INTERVAL 1 HOUR AND TraceId = {trace_id:String} AND caller_id = {caller_id:String}
