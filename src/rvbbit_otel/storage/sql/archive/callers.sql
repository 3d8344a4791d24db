-- The rows of one caller.
SELECT * FROM callers WHERE caller_id = {caller:String}
