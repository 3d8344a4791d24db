-- What was left out of this block of log records.
CREATE MATERIALIZED VIEW IF NOT EXISTS rejected_logs_mv TO rejected_spans AS
SELECT
    'logs' AS signal,
    arrayJoin(arrayFilter(fault -> fault != '', [reject, session_fault, caller_fault])) AS reason,
    if(reject != '', 'all tables', reason) AS left_out_of,
    count() AS count,
    substringUTF8(anyIf(concat('record at ', toString(Timestamp), ' of ', ServiceName, ' in trace ', TraceId), reject != 'erased'), 1, 256) AS sample
FROM log_records_in
WHERE reject != '' OR session_fault != '' OR caller_fault != ''
GROUP BY signal, reason, left_out_of
