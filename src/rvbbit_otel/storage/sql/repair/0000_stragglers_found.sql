-- What a repair works by. Rows come in meanwhile, and each part of each table is changed at a moment of its own: all of them go by what was found here,
-- in one moment. It stays until the next repair, since a change that was cut off goes on by itself and reads it.
CREATE OR REPLACE TABLE stragglers_found
(
    key UInt64,
    caller String
)
ENGINE = MergeTree
ORDER BY key
AS SELECT cityHash64(session_id, trace_hash, part) AS key, toString(caller_id) AS caller
FROM stragglers
