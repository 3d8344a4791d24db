-- How large each table is, in rows, bytes on the disk and parts.
SELECT table, sum(rows) AS rows, sum(bytes_on_disk) AS bytes, sum(data_uncompressed_bytes) AS bytes_unpacked, count() AS parts, max(modification_time) AS changed_at
FROM system.parts
WHERE active AND database IN (currentDatabase(), concat(currentDatabase(), '_shard'))
GROUP BY table
ORDER BY bytes DESC, table
