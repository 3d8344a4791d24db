sipHash64(multiIf(LogAttributes['session.id'] != '', LogAttributes['session.id'], TraceId != '', concat('trace-', TraceId), Body))
