SELECT name, signal, size, reason, error, since FROM quarantined_requests ORDER BY since, name
