-- What was left out, added up.
SELECT partition, sum(copies) AS rows, count() AS things, sum(times) AS times
FROM
(
    SELECT _partition_id AS partition, rejected_at, signal, reason, left_out_of, sample, count() AS copies, sum(count) AS times
    FROM rejected_spans
    GROUP BY partition, rejected_at, signal, reason, left_out_of, sample
)
GROUP BY partition
ORDER BY partition
SETTINGS max_bytes_before_external_group_by = 2000000000, distributed_aggregation_memory_efficient = 1
