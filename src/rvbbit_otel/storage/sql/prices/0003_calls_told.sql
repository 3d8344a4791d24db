ALTER TABLE calls_told
UPDATE
    counted_cost = transform(
        call,
        (SELECT arrayPushFront(groupArray(cityHash64(trace_id, span_id)), 0)
        FROM unified_logs
        WHERE provider = {provider:String} AND model = {model:String} AND startsWith(cost_source, 'computed ')),
        (SELECT arrayPushFront(groupArray(reinterpretAsInt64(cost)), toInt64(0))
        FROM unified_logs
        WHERE provider = {provider:String} AND model = {model:String} AND startsWith(cost_source, 'computed ')),
        counted_cost
    )
WHERE told_cost IS NULL AND call IN (
        SELECT cityHash64(trace_id, span_id)
        FROM unified_logs
        WHERE provider = {provider:String} AND model = {model:String} AND startsWith(cost_source, 'computed ')
    )
SETTINGS mutations_sync = 2, allow_nondeterministic_mutations = 1
