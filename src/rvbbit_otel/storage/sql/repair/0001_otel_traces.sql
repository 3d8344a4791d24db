ALTER TABLE otel_traces
UPDATE
    caller_id = transform(
        cityHash64(session_id, bitShiftRight(cityHash64(TraceId), 24), bitShiftRight(cityHash64(SpanId), 24)),
        tupleElement((SELECT arrayPushFront(arraySort(groupArray((key, caller))), (0, '')) FROM stragglers_found), 1),
        tupleElement((SELECT arrayPushFront(arraySort(groupArray((key, caller))), (0, '')) FROM stragglers_found), 2),
        toString(caller_id)
    )
WHERE caller_id = ''
    AND cityHash64(session_id, bitShiftRight(cityHash64(TraceId), 24), bitShiftRight(cityHash64(SpanId), 24)) IN (
        SELECT key FROM stragglers_found
    )
SETTINGS mutations_sync = 2, allow_nondeterministic_mutations = 1
