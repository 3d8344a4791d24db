-- name: rejected-spans
-- kind: rule
-- title: Spans and log records that were left out
-- finding: Something arrived that can't be stored as it is: an id of the wrong length, a time far off, a broken session or caller id.
-- remedy: The sample names one. Fix its sender; the rest of each batch was stored.
-- parameter: since DateTime = 1970-01-01 00:00:00
-- parameter: until DateTime = 2106-01-01 00:00:00
SELECT signal, reason, left_out_of, sum(count) AS count, max(rejected_at) AS last_at, any(sample) AS sample
FROM rejected_spans
WHERE rejected_at >= {since:DateTime} AND rejected_at < {until:DateTime} AND reason != 'erased'
GROUP BY signal, reason, left_out_of
ORDER BY count DESC, signal, reason
