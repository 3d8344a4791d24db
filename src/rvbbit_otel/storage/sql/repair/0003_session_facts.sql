ALTER TABLE session_facts
UPDATE
    caller = transform(
        cityHash64(session_id, trace_hash, part),
        tupleElement((SELECT arrayPushFront(arraySort(groupArray((key, caller))), (0, '')) FROM stragglers_found), 1),
        tupleElement((SELECT arrayPushFront(arraySort(groupArray((key, caller))), (0, '')) FROM stragglers_found), 2),
        caller
    )
WHERE caller = ''
    AND cityHash64(session_id, trace_hash, part) IN (
        SELECT key FROM stragglers_found
    )
SETTINGS mutations_sync = 2, allow_nondeterministic_mutations = 1
