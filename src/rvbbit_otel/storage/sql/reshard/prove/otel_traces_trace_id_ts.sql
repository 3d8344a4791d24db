-- Each trace once, with its begin and its end.
SELECT partition, sum(copies) AS rows, count() AS things, groupBitXor(sipHash64(TraceId, begin, finish)) AS said
FROM
(
    SELECT _partition_id AS partition, TraceId, count() AS copies, min(Start) AS begin, max(End) AS finish
    FROM otel_traces_trace_id_ts
    GROUP BY partition, TraceId
)
GROUP BY partition
ORDER BY partition
SETTINGS max_bytes_before_external_group_by = 2000000000, distributed_aggregation_memory_efficient = 1
