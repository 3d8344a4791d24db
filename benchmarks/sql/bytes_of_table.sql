-- Everything that a table takes on disk, and its rows.
SELECT sum(bytes_on_disk) AS held, sum(parts.rows) AS stored
FROM system.parts AS parts
WHERE active AND database = currentDatabase() AND table = {table:String}
