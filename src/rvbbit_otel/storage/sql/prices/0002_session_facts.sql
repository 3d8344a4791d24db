ALTER TABLE session_facts
UPDATE
    usage = (
        tupleElement(usage, 1),
        arrayMap(
            (call, cost) -> transform(
                call,
                (SELECT arrayPushFront(groupArray(cityHash64(trace_id, span_id)), 0)
                FROM unified_logs
                WHERE provider = {provider:String} AND model = {model:String} AND (cost_source = 'unpriced' OR startsWith(cost_source, 'computed '))),
                (SELECT arrayPushFront(groupArray(cost), toDecimal64(0, 12))
                FROM unified_logs
                WHERE provider = {provider:String} AND model = {model:String} AND (cost_source = 'unpriced' OR startsWith(cost_source, 'computed '))),
                cost
            ),
            tupleElement(usage, 1),
            tupleElement(usage, 2)
        ),
        tupleElement(usage, 3),
        tupleElement(usage, 4)
    )
WHERE hasAny(tupleElement(usage, 1), (SELECT groupArray(cityHash64(trace_id, span_id))
                FROM unified_logs
                WHERE provider = {provider:String} AND model = {model:String} AND (cost_source = 'unpriced' OR startsWith(cost_source, 'computed '))))
SETTINGS mutations_sync = 2, allow_nondeterministic_mutations = 1
