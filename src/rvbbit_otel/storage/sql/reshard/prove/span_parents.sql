-- Each of them, on however many shards.
SELECT partition, sum(copies) AS rows, count() AS things, groupBitXor(sipHash64(trace_hash, span, upper)) AS said
FROM
(
    SELECT _partition_id AS partition, trace_hash, span, count() AS copies, max(parent) AS upper
    FROM span_parents
    GROUP BY partition, trace_hash, span
)
GROUP BY partition
ORDER BY partition
SETTINGS max_bytes_before_external_group_by = 2000000000, distributed_aggregation_memory_efficient = 1
