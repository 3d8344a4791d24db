-- The rows of one caller.
SELECT * FROM cascade_sessions WHERE caller_id = {caller:String}
