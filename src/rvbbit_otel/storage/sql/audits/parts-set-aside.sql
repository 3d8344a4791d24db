-- name: parts-set-aside
-- kind: rule
-- title: Parts of tables that are not read any more
-- finding: A part was damaged, so its rows are in no answer; its files are kept in the folder `detached` of its table.
-- remedy: Restore the part from a backup and attach it, or have its spans sent again. Then move its folder away, and this is over.
SELECT table AS in_table, name AS part, if(ifNull(reason, '') = '', 'detached', assumeNotNull(reason)) AS reason, bytes_on_disk AS bytes
FROM system.detached_parts
-- A cluster keeps its tables in the second. Reasons that leave no row out: the same rows are in another part, or the part was never whole.
WHERE database IN (currentDatabase(), concat(currentDatabase(), '_shard'))
    AND ifNull(reason, '') NOT IN (
        'ignored', 'clone', 'attaching', 'deleting', 'tmp-fetch', 'covered-by-broken', 'merge-not-byte-identical', 'mutate-not-byte-identical'
    )
ORDER BY in_table, part
