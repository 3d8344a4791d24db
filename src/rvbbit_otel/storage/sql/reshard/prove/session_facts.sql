-- Each line once, with what all that is known of it comes to.
SELECT partition, sum(copies) AS rows, count() AS things, sum(arraySum(tupleElement(used, 3)) + arraySum(tupleElement(used, 4))) AS tokens, sum(arraySum(tupleElement(used, 2))) AS money, groupBitXor(sipHash64(session_id, trace_hash, part, of, first, last)) AS said
FROM
(
    SELECT _partition_id AS partition, session_id, trace_hash, part, count() AS copies, max(caller) AS of, min(first_time) AS first, max(last_time) AS last, maxMap(usage) AS used
    FROM session_facts
    GROUP BY partition, session_id, trace_hash, part
)
GROUP BY partition
ORDER BY partition
SETTINGS max_bytes_before_external_group_by = 2000000000, distributed_aggregation_memory_efficient = 1
