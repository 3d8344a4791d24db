-- The rows of one caller.
SELECT * FROM unified_logs WHERE caller_id = {caller:String}
