ALTER TABLE otel_traces
UPDATE
    caller_id = transform(
        cityHash64(session_id, bitShiftRight(cityHash64(TraceId), 24), toUInt32(intDiv(toUnixTimestamp64Nano(Timestamp), 60000000000) * 2 + (SpanAttributes['rvbbit.caller.source'] = 'none'))),
        tupleElement((SELECT arrayPushFront(groupArray((cityHash64(session_id, trace_hash, part), caller_id)), (0, '')) FROM stragglers), 1),
        tupleElement((SELECT arrayPushFront(groupArray((cityHash64(session_id, trace_hash, part), caller_id)), (0, '')) FROM stragglers), 2),
        toString(caller_id)
    )
WHERE caller_id = '' AND SpanAttributes['rvbbit.caller.id'] = '' AND NOT match(SpanAttributes['rvbbit.caller.candidate'], '^[A-Za-z0-9_.:-]{1,128}$')
    AND cityHash64(session_id, bitShiftRight(cityHash64(TraceId), 24), toUInt32(intDiv(toUnixTimestamp64Nano(Timestamp), 60000000000) * 2 + (SpanAttributes['rvbbit.caller.source'] = 'none'))) IN (
        SELECT cityHash64(session_id, trace_hash, part) FROM stragglers
    )
SETTINGS mutations_sync = 2, allow_nondeterministic_mutations = 1
