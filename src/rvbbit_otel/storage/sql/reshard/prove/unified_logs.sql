-- Each span once, with what it counts and whose it is.
SELECT partition, sum(copies) AS rows, count() AS things, sum(tokens) AS tokens, sum(money) AS money, groupBitXor(said) AS said
FROM
(
    SELECT _partition_id AS partition, trace_id, span_id, count() AS copies, max(tokens_in + tokens_out) AS tokens, max(cost) AS money, max(sipHash64(session_id, caller_id, timestamp, name, model, content)) AS said
    FROM unified_logs
    GROUP BY partition, trace_id, span_id
)
GROUP BY partition
ORDER BY partition
SETTINGS max_bytes_before_external_group_by = 2000000000, distributed_aggregation_memory_efficient = 1
