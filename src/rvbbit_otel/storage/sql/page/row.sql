-- Everything of one row.
SELECT *
FROM unified_logs
WHERE trace_id = {trace:String} AND span_id = {span:String}
LIMIT 1
