ALTER TABLE unified_logs
UPDATE
    caller_id = transform(
        cityHash64(session_id, bitShiftRight(cityHash64(trace_id), 24), bitShiftRight(cityHash64(span_id), 24)),
        tupleElement((SELECT arrayPushFront(arraySort(groupArray((key, caller))), (0, '')) FROM stragglers_found), 1),
        tupleElement((SELECT arrayPushFront(arraySort(groupArray((key, caller))), (0, '')) FROM stragglers_found), 2),
        toString(caller_id)
    ),
    caller_source = 'repair'
WHERE caller_id = ''
    AND cityHash64(session_id, bitShiftRight(cityHash64(trace_id), 24), bitShiftRight(cityHash64(span_id), 24)) IN (
        SELECT key FROM stragglers_found
    )
SETTINGS mutations_sync = 2, allow_nondeterministic_mutations = 1
