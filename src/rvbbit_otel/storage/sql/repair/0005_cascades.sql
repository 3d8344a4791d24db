-- Rows of a session that name no cascade, as those of another process, which did not know it, where the rows of the session and its caller name one only.
ALTER TABLE unified_logs
UPDATE
    cascade_id = transform(
        cityHash64(session_id, caller_id),
        tupleElement((
            SELECT arrayPushFront(groupArray((cityHash64(session_id, caller_id), cascade)), (0, ''))
            FROM
            (
                SELECT session_id, caller_id, toString(max(cascade_id)) AS cascade
                FROM unified_logs
                GROUP BY session_id, caller_id
                HAVING uniqExactIf(cascade_id, cascade_id != '') = 1 AND countIf(cascade_id = '') > 0
            )
        ), 1),
        tupleElement((
            SELECT arrayPushFront(groupArray((cityHash64(session_id, caller_id), cascade)), (0, ''))
            FROM
            (
                SELECT session_id, caller_id, toString(max(cascade_id)) AS cascade
                FROM unified_logs
                GROUP BY session_id, caller_id
                HAVING uniqExactIf(cascade_id, cascade_id != '') = 1 AND countIf(cascade_id = '') > 0
            )
        ), 2),
        ''
    )
WHERE cascade_id = ''
    AND (session_id, caller_id) IN (
        SELECT session_id, caller_id
        FROM unified_logs
        GROUP BY session_id, caller_id
        HAVING uniqExactIf(cascade_id, cascade_id != '') = 1 AND countIf(cascade_id = '') > 0
    )
SETTINGS mutations_sync = 2, allow_nondeterministic_mutations = 1
