-- Records of others that name it, in a column of ours or in their text. `record_hash` stays, so that they are known when they are sent again.
ALTER TABLE otel_logs
UPDATE
    LogAttributes = mapApply(
        (name, value) -> (name, if(
            name IN ('rvbbit.caller.conflict', 'rvbbit.caller.candidate') AND sipHash64('caller', value) IN (SELECT hash FROM erased), 'erased', value
        )),
        LogAttributes
    ),
    Body = arrayStringConcat(arrayMap(
        piece -> if(sipHash64('caller', piece) IN (SELECT hash FROM erased) OR sipHash64('session', piece) IN (SELECT hash FROM erased), 'erased', piece),
        extractAll(Body, '[A-Za-z0-9_]+(?:[.:-]+[A-Za-z0-9_]+)*|[^A-Za-z0-9_]+')
    ))
WHERE sipHash64('caller', LogAttributes['rvbbit.caller.conflict']) IN (SELECT hash FROM erased)
    OR sipHash64('caller', LogAttributes['rvbbit.caller.candidate']) IN (SELECT hash FROM erased)
    OR notEmpty(arrayMap(
-- include erase/words.sql
        , [Body])[1])
SETTINGS mutations_sync = 2, allow_nondeterministic_mutations = 1
