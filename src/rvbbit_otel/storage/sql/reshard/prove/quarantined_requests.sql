-- Each of them.
SELECT partition, sum(copies) AS rows, count() AS things, groupBitXor(sipHash64(name)) AS said
FROM
(
    SELECT _partition_id AS partition, name, count() AS copies, max(size) AS bytes
    FROM quarantined_requests
    GROUP BY partition, name
)
GROUP BY partition
ORDER BY partition
SETTINGS max_bytes_before_external_group_by = 2000000000, distributed_aggregation_memory_efficient = 1
