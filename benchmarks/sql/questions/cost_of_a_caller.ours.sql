SELECT count() AS rows, sum(tokens_in), sum(tokens_out), sum(cost) FROM unified_logs WHERE caller_id = {caller:String}
