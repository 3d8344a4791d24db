-- Inserts that run, on any node: what began before the landing tables were closed is not stored yet.
SELECT toUInt64(count())
FROM clusterAllReplicas({cluster:String}, system.processes)
WHERE query_kind = 'Insert' AND match(query, '\\botel_(traces|logs)_in\\b|\\botlp_(traces|logs)_in\\b')
