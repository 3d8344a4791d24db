ALTER TABLE unified_logs
DELETE WHERE
-- include erase/whose.sql
SETTINGS mutations_sync = 2, allow_nondeterministic_mutations = 1
