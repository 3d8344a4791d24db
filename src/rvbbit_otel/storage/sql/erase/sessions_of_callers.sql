-- Sessions with rows that nobody claims beside those of one caller, who is erased: they are its sessions.
SELECT session_id
FROM session_state
GROUP BY session_id
HAVING has(groupArray(caller_id), '') AND uniqExactIf(caller_id, caller_id != '') = 1
    AND has({hashes:Array(UInt64)}, sipHash64('caller', maxIf(caller_id, caller_id != '')))
ORDER BY session_id
