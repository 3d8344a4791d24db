ALTER TABLE session_facts
UPDATE parent = 'erased'
WHERE sipHash64('session', parent) IN (SELECT hash FROM erased)
SETTINGS mutations_sync = 2, allow_nondeterministic_mutations = 1
