ALTER TABLE otel_logs
UPDATE
    caller_id = transform(
        cityHash64(session_id, bitShiftRight(cityHash64(TraceId), 24), bitShiftRight(cityHash64(Timestamp, LogAttributes['rvbbit.caller.source']), 24)),
        tupleElement((SELECT arrayPushFront(arraySort(groupArray((key, caller))), (0, '')) FROM stragglers_found), 1),
        tupleElement((SELECT arrayPushFront(arraySort(groupArray((key, caller))), (0, '')) FROM stragglers_found), 2),
        toString(caller_id)
    )
WHERE caller_id = '' AND LogAttributes['rvbbit.caller.id'] = '' AND NOT match(LogAttributes['rvbbit.caller.candidate'], '^[A-Za-z0-9_.:-]{1,128}$')
    AND cityHash64(session_id, bitShiftRight(cityHash64(TraceId), 24), bitShiftRight(cityHash64(Timestamp, LogAttributes['rvbbit.caller.source']), 24)) IN (
        SELECT key FROM stragglers_found
    )
SETTINGS mutations_sync = 2, allow_nondeterministic_mutations = 1
