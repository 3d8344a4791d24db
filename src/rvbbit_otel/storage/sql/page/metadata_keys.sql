-- Keys of callers' metadata whose values are texts, those that most callers have first.
SELECT key, count() AS callers
FROM
(
    SELECT arrayJoin(JSONExtractKeysAndValues(metadata, 'String')) AS pair, pair.1 AS key
    FROM callers
)
WHERE length(key) <= 60 AND key NOT IN ('sql_query', 'origin')
GROUP BY key
ORDER BY callers DESC, key
LIMIT 20
