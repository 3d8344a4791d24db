-- The columns of a table, which an empty answer does not name.
SELECT name FROM system.columns WHERE database = currentDatabase() AND table = {table:String} ORDER BY position
