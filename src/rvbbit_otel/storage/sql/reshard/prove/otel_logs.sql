-- Each log record once.
SELECT partition, sum(copies) AS rows, count() AS things, groupBitXor(record_hash) AS said
FROM
(
    SELECT _partition_id AS partition, Timestamp, record_hash, count() AS copies, max(caller_id) AS of
    FROM otel_logs
    GROUP BY partition, Timestamp, record_hash
)
GROUP BY partition
ORDER BY partition
SETTINGS max_bytes_before_external_group_by = 2000000000, distributed_aggregation_memory_efficient = 1
