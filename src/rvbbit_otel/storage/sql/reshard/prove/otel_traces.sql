-- Each span once.
SELECT partition, sum(copies) AS rows, count() AS things, groupBitXor(said) AS said
FROM
(
    SELECT _partition_id AS partition, TraceId, SpanId, count() AS copies, max(sipHash64(Timestamp, SpanName, session_id, caller_id, Duration)) AS said
    FROM otel_traces
    GROUP BY partition, TraceId, SpanId
)
GROUP BY partition
ORDER BY partition
SETTINGS max_bytes_before_external_group_by = 2000000000, distributed_aggregation_memory_efficient = 1
