ALTER TABLE session_facts
UPDATE
    caller = transform(
        cityHash64(session_id, trace_hash, part),
        tupleElement((SELECT arrayPushFront(groupArray((cityHash64(session_id, trace_hash, part), caller_id)), (0, '')) FROM stragglers), 1),
        tupleElement((SELECT arrayPushFront(groupArray((cityHash64(session_id, trace_hash, part), caller_id)), (0, '')) FROM stragglers), 2),
        caller
    )
WHERE caller = ''
    AND cityHash64(session_id, trace_hash, part) IN (
        SELECT cityHash64(session_id, trace_hash, part) FROM stragglers
    )
SETTINGS mutations_sync = 2, allow_nondeterministic_mutations = 1
