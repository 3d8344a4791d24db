-- The rows of one caller.
SELECT * FROM session_state WHERE caller_id = {caller:String}
