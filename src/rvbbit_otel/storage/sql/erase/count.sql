-- What an erasure would change; of what waits in files, or in samples of what was left out, nothing is said.
SELECT 'unified_logs' AS in_table, 'erased' AS done, count() AS rows
FROM unified_logs
WHERE has({hashes:Array(UInt64)}, sipHash64('caller', toString(caller_id))) OR has({hashes:Array(UInt64)}, sipHash64('session', toString(session_id)))
UNION ALL
SELECT 'otel_traces' AS in_table, 'erased' AS done, count() AS rows
FROM otel_traces
WHERE has({hashes:Array(UInt64)}, sipHash64('caller', toString(caller_id))) OR has({hashes:Array(UInt64)}, sipHash64('session', toString(session_id)))
UNION ALL
SELECT 'otel_logs' AS in_table, 'erased' AS done, count() AS rows
FROM otel_logs
WHERE has({hashes:Array(UInt64)}, sipHash64('caller', toString(caller_id))) OR has({hashes:Array(UInt64)}, sipHash64('session', toString(session_id)))
UNION ALL
SELECT 'session_facts' AS in_table, 'erased' AS done, count() AS rows
FROM session_facts
WHERE has({hashes:Array(UInt64)}, sipHash64('caller', caller)) OR has({hashes:Array(UInt64)}, sipHash64('session', session_id))
UNION ALL
SELECT 'caller_facts' AS in_table, 'erased' AS done, count() AS rows
FROM caller_facts
WHERE has({hashes:Array(UInt64)}, sipHash64('caller', caller_id))
UNION ALL
SELECT 'unified_logs' AS in_table, 'name taken out' AS done, count() AS rows
FROM unified_logs
WHERE (has({hashes:Array(UInt64)}, sipHash64('caller', toString(caller_conflict))) OR has({hashes:Array(UInt64)}, sipHash64('caller', toString(caller_candidate))) OR has({hashes:Array(UInt64)}, sipHash64('session', parent_session_id)))
    AND NOT (has({hashes:Array(UInt64)}, sipHash64('caller', toString(caller_id))) OR has({hashes:Array(UInt64)}, sipHash64('session', toString(session_id))))
