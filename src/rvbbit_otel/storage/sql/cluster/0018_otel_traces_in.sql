-- Deals spans out by session, or by trace where none is named. A span sent again has the same key, so it meets the guard of the shard that has it.
CREATE TABLE IF NOT EXISTS otel_traces_in ON CLUSTER `{cluster}` AS `{shard}`.otel_traces_in
ENGINE = Distributed(
    `{cluster}`,
    `{shard}`,
    otel_traces_in,
    sipHash64(arrayFirst(name -> name != '', [SpanAttributes['session.id'], SpanAttributes['gen_ai.conversation.id'], SpanAttributes['langfuse.session.id'], SpanAttributes['traceloop.association.properties.session_id'], TraceId]))
)
