-- Parts whose partition is not the day, or the month, of the times in them: they were written while the engine's zone was not UTC.
SELECT count()
FROM system.parts AS part
INNER JOIN system.tables AS owner ON owner.database = part.database AND owner.name = part.table
WHERE part.active AND part.database = currentDatabase() AND match(owner.partition_key, '^to(Date|StartOfMonth)\\(')
    AND arrayExists(
        time -> toString(if(startsWith(owner.partition_key, 'toDate('), toDate(time), toStartOfMonth(time))) != part.partition,
        [part.min_time, part.max_time]
    )
