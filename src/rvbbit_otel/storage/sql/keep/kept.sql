-- For how many days each table keeps its rows: what was set by `--keep` stands in it as a bound value.
SELECT name, toUInt32OrZero(extract(engine_full, 'TTL .*?toIntervalDay\\((?:least\\()?(?:_CAST\\()?([0-9]+)')) AS days
FROM system.tables
WHERE database = currentDatabase() AND engine_full LIKE '% TTL %'
ORDER BY name
