ALTER TABLE otel_traces
UPDATE
    caller_id = transform(
        session_id,
        (
            SELECT arrayConcat([''], arraySort(groupArray(session_id)))
            FROM session_state
            WHERE length(callers_seen) = 1 AND session_id IN (SELECT session_id FROM otel_traces WHERE caller_id = '')
        ),
        (
            SELECT arrayConcat([''], arrayMap(pair -> pair.2, arraySort(groupArray((session_id, caller_id)))))
            FROM session_state
            WHERE length(callers_seen) = 1 AND session_id IN (SELECT session_id FROM otel_traces WHERE caller_id = '')
        ),
        toString(caller_id)
    )
WHERE caller_id = '' AND session_id IN (SELECT session_id FROM session_state WHERE length(callers_seen) = 1)
SETTINGS mutations_sync = 2, allow_nondeterministic_mutations = 1
