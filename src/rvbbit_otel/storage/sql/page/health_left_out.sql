-- What arrived and could not be stored as it was, by reason.
SELECT signal, reason, left_out_of, sum(count) AS count, max(rejected_at) AS last_at, any(sample) AS sample
FROM rejected_spans
GROUP BY signal, reason, left_out_of
ORDER BY count DESC, signal, reason
LIMIT 50
