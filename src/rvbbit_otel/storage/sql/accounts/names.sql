-- The latest callers whose id begins so.
SELECT caller_id, origin
FROM callers
WHERE startsWith(caller_id, {begin:String})
ORDER BY last_seen_at DESC, caller_id
LIMIT 30
