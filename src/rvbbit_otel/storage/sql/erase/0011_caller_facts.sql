ALTER TABLE caller_facts
DELETE WHERE sipHash64('caller', caller_id) IN (SELECT hash FROM erased)
SETTINGS mutations_sync = 2, allow_nondeterministic_mutations = 1
