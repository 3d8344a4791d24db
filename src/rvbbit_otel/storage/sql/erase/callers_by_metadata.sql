-- A value of JSON that is no text is compared as it is written: true, 7.
SELECT caller_id
FROM callers
WHERE JSONHas(metadata, {key:String}) AND {value:String} IN (JSONExtractString(metadata, {key:String}), JSONExtractRaw(metadata, {key:String}))
ORDER BY caller_id
