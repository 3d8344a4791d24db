-- Each caller once.
SELECT partition, sum(copies) AS rows, count() AS things, groupBitXor(sipHash64(caller_id, origin, metadata, first, last)) AS said
FROM
(
    SELECT _partition_id AS partition, caller_id, count() AS copies, max(caller_origin) AS origin, max(caller_metadata) AS metadata, min(first_time) AS first, max(last_time) AS last
    FROM caller_facts
    GROUP BY partition, caller_id
)
GROUP BY partition
ORDER BY partition
SETTINGS max_bytes_before_external_group_by = 2000000000, distributed_aggregation_memory_efficient = 1
