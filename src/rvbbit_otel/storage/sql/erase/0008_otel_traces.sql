ALTER TABLE otel_traces
UPDATE SpanAttributes = mapApply(
    (name, value) -> (name, if(
        name IN ('rvbbit.caller.conflict', 'rvbbit.caller.candidate') AND sipHash64('caller', value) IN (SELECT hash FROM erased)
            OR name = 'rvbbit.session.parent_id' AND sipHash64('session', value) IN (SELECT hash FROM erased),
        'erased', value
    )),
    SpanAttributes
)
WHERE sipHash64('caller', SpanAttributes['rvbbit.caller.conflict']) IN (SELECT hash FROM erased)
    OR sipHash64('caller', SpanAttributes['rvbbit.caller.candidate']) IN (SELECT hash FROM erased)
    OR sipHash64('session', SpanAttributes['rvbbit.session.parent_id']) IN (SELECT hash FROM erased)
SETTINGS mutations_sync = 2, allow_nondeterministic_mutations = 1
