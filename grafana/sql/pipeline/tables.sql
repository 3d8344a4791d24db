SELECT
    parts.table AS table,
    sum(parts.rows) AS rows,
    sum(parts.bytes_on_disk) AS bytes,
    sum(parts.bytes_on_disk) / sum(parts.rows) AS bytes_a_row,
    count() AS parts,
    uniqExact(parts.partition) AS partitions
FROM system.parts AS parts
WHERE parts.active AND parts.database IN (currentDatabase(), concat(currentDatabase(), '_shard'))
GROUP BY table
ORDER BY bytes DESC
