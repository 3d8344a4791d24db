ALTER TABLE otel_traces
UPDATE
    caller_id = transform(
        cityHash64(session_id, bitShiftRight(cityHash64(TraceId), 24), bitShiftRight(cityHash64(SpanId), 24)),
        tupleElement((SELECT arrayPushFront(groupArray((cityHash64(session_id, trace_hash, part), caller_id)), (0, '')) FROM stragglers), 1),
        tupleElement((SELECT arrayPushFront(groupArray((cityHash64(session_id, trace_hash, part), caller_id)), (0, '')) FROM stragglers), 2),
        toString(caller_id)
    )
WHERE caller_id = ''
    AND cityHash64(session_id, bitShiftRight(cityHash64(TraceId), 24), bitShiftRight(cityHash64(SpanId), 24)) IN (
        SELECT cityHash64(session_id, trace_hash, part) FROM stragglers
    )
SETTINGS mutations_sync = 2, allow_nondeterministic_mutations = 1
