-- Which shard database, of which cluster, the fronts read.
SELECT engine_full FROM system.tables WHERE database = currentDatabase() AND name = 'unified_logs'
