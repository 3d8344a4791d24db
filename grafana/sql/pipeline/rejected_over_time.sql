SELECT $__timeInterval(rejected_at) AS time, concat(signal, ': ', reason) AS why, sum(count) AS refused
FROM rejected_spans
WHERE $__timeFilter(rejected_at)
GROUP BY time, why
ORDER BY time
