-- Rows of the same trace and session that tell of a call at the same time: of one call that several tell of, one counts.
SELECT timestamp, name, span_id, trace_id, model, usage_counted, told_tokens_in, told_tokens_out, told_cost, tokens_in, tokens_out, cost, cost_source
FROM unified_logs
WHERE trace_id = {trace:String} AND session_id = {session:String}
    AND (told_tokens_in != 0 OR told_tokens_out != 0 OR told_cost IS NOT NULL)
    AND toUnixTimestamp64Nano(timestamp) <= {ends:Int64}
    AND toUnixTimestamp64Nano(timestamp) + toInt64(duration_ms * 1000000) >= {begins:Int64}
ORDER BY timestamp, span_id
LIMIT 20
