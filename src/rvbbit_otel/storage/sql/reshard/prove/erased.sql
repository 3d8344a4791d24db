-- Each of them, on however many shards.
SELECT partition, sum(copies) AS rows, count() AS things, groupBitXor(sipHash64(hash)) AS said
FROM
(
    SELECT _partition_id AS partition, hash, count() AS copies
    FROM erased
    GROUP BY partition, hash
)
GROUP BY partition
ORDER BY partition
SETTINGS max_bytes_before_external_group_by = 2000000000, distributed_aggregation_memory_efficient = 1
