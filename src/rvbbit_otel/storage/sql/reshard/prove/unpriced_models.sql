-- Each model once, with its calls added up.
SELECT partition, sum(copies) AS rows, count() AS things, sum(calls_met) AS calls
FROM
(
    SELECT _partition_id AS partition, provider, model, count() AS copies, sum(calls) AS calls_met
    FROM unpriced_models
    GROUP BY partition, provider, model
)
GROUP BY partition
ORDER BY partition
SETTINGS max_bytes_before_external_group_by = 2000000000, distributed_aggregation_memory_efficient = 1
