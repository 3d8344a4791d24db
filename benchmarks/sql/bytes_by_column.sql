-- Compressed bytes of each column of one table, and of what its indexes take (name: '').
SELECT column AS name, sum(column_data_compressed_bytes) AS held
FROM system.parts_columns
WHERE active AND database = currentDatabase() AND table = {table:String}
GROUP BY column
UNION ALL
SELECT '' AS name, sum(secondary_indices_compressed_bytes) + sum(primary_key_size) AS held
FROM system.parts
WHERE active AND database = currentDatabase() AND table = {table:String}
ORDER BY held DESC, name
