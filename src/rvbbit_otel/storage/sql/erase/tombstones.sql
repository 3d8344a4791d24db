INSERT INTO erased (hash) SELECT arrayJoin({hashes:Array(UInt64)})
