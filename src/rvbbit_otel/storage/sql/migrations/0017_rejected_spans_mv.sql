-- What was left out of this block. A span that is refused is refused for one reason; one that is kept may have several faults.
CREATE MATERIALIZED VIEW IF NOT EXISTS rejected_spans_mv TO rejected_spans AS
SELECT
    'traces' AS signal,
    arrayJoin(arrayFilter(fault -> fault != '', [reject, session_fault, caller_fault, usage_fault])) AS reason,
    multiIf(reject != '', 'all tables', reason = 'session_id', 'unified_logs', reason = 'caller_id', 'caller_id', 'tokens and cost') AS left_out_of,
    count() AS count,
    substringUTF8(anyIf(concat('trace ', TraceId, ' span ', SpanId, ' at ', toString(Timestamp), ' named ', SpanName), reject != 'erased'), 1, 256) AS sample
FROM spans_in
WHERE reject != '' OR session_fault != '' OR caller_fault != '' OR usage_fault != ''
GROUP BY signal, reason, left_out_of
