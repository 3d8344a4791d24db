INSERT INTO quarantined_requests (name, signal, size, reason, error, since)
SELECT * FROM format(JSONCompactEachRow, 'name String, signal String, size UInt64, reason String, error String, since DateTime64(3, \'UTC\')', {rows:String})
