ALTER TABLE session_facts
DELETE WHERE sipHash64('caller', caller) IN (SELECT hash FROM erased) OR sipHash64('session', session_id) IN (SELECT hash FROM erased)
SETTINGS mutations_sync = 2, allow_nondeterministic_mutations = 1
