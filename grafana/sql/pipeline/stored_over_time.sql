SELECT time, signal, sum(stored) AS stored
FROM
(
    SELECT $__timeInterval(Timestamp) AS time, 'spans' AS signal, count() AS stored FROM otel_traces WHERE $__timeFilter(Timestamp) GROUP BY time
    UNION ALL
    SELECT $__timeInterval(Timestamp) AS time, 'log records' AS signal, count() AS stored FROM otel_logs WHERE $__timeFilter(Timestamp) GROUP BY time
    UNION ALL
    SELECT $__timeInterval(timestamp) AS time, 'rows' AS signal, count() AS stored FROM unified_logs WHERE $__timeFilter(timestamp) GROUP BY time
)
GROUP BY time, signal
ORDER BY time
