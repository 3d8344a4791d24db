-- Rows of a caller or a session that was erased.
sipHash64('caller', toString(caller_id)) IN (SELECT hash FROM erased) OR sipHash64('session', toString(session_id)) IN (SELECT hash FROM erased)
