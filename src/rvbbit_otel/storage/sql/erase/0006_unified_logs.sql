-- Rows of others that name it. That two answers differed stays.
ALTER TABLE unified_logs
UPDATE
    caller_conflict = if(sipHash64('caller', toString(caller_conflict)) IN (SELECT hash FROM erased), 'erased', toString(caller_conflict)),
    caller_candidate = if(sipHash64('caller', toString(caller_candidate)) IN (SELECT hash FROM erased), 'erased', toString(caller_candidate)),
    parent_session_id = if(sipHash64('session', parent_session_id) IN (SELECT hash FROM erased), 'erased', parent_session_id)
WHERE sipHash64('caller', toString(caller_conflict)) IN (SELECT hash FROM erased)
    OR sipHash64('caller', toString(caller_candidate)) IN (SELECT hash FROM erased)
    OR sipHash64('session', parent_session_id) IN (SELECT hash FROM erased)
SETTINGS mutations_sync = 2, allow_nondeterministic_mutations = 1
