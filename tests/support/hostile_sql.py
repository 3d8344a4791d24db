"""Statements that people have tried, or might, to get at more than rows: files, other hosts, other people's questions, changes."""

from __future__ import annotations

# {secret}: a file that exists; {planted}: one that does not; {port}: the OTLP port of this very server.
HOSTILE = r"""
SELECT file('{secret}')
SELECT `file`('{secret}')
SELECT "file"('{secret}')
SELECT file/**/('{secret}')
SELECT length(file('{secret}'))
SELECT 1 IN (SELECT length(file('{secret}')))
SELECT arrayMap(file, ['{secret}'])
SELECT arrayMap(`file`, ['{secret}'])
SELECT arrayMap(x -> file(x), ['{secret}'])
SELECT arrayFilter(file, ['{secret}'])
SELECT arraySort(file, ['{secret}', '{secret}'])
SELECT arrayFold((a, x) -> file(x), ['{secret}'], '')
SELECT * APPLY file FROM (SELECT '{secret}' AS x)
SELECT * APPLY(file) FROM (SELECT '{secret}' AS x)
SELECT * APPLY(`file`) FROM (SELECT '{secret}' AS x)
SELECT * APPLY(x -> file(x)) FROM (SELECT '{secret}' AS x)
SELECT COLUMNS('x') APPLY file FROM (SELECT '{secret}' AS x)
SELECT t.* APPLY file FROM (SELECT '{secret}' AS x) AS t
FROM (SELECT '{secret}' AS x) SELECT * APPLY file
WITH (SELECT file('{secret}')) AS y SELECT y
WITH x -> file(x) AS f SELECT f('{secret}')
SELECT * FROM view(SELECT file('{secret}'))
SELECT * FROM (SELECT 1) WHERE file('{secret}') != ''
SELECT 1 ORDER BY file('{secret}')
SELECT 1 LIMIT length(file('{secret}'))
EXPLAIN SELECT file('{secret}')
EXPLAIN SYNTAX SELECT file('{secret}')
EXPLAIN AST SELECT file('{secret}')
EXPLAIN SELECT * APPLY file FROM (SELECT '{secret}' AS x)
DESCRIBE (SELECT file('{secret}'))
DESCRIBE file('{secret}')
DESC TABLE file('{secret}', 'LineAsString')
DESCRIBE `{secret}`
DESCRIBE TABLE default.`{secret}`
SELECT * FROM file('{secret}')
SELECT * FROM file('{secret}', 'LineAsString')
SELECT * FROM FiLe('{secret}')
SELECT * FROM `{secret}`
SELECT * FROM default.`{secret}`
SELECT 1 IN `{secret}`
SELECT 1 IN default.`{secret}`
SELECT joinGet('{secret}', 'id', 1)
SELECT hasColumnInTable('default', '{secret}', 'name')
EXISTS `{secret}`
EXISTS TABLE `{secret}`
EXISTS TABLE default.`{secret}`
SHOW CREATE TABLE `{secret}`
SELECT * FROM loop(file('{secret}'))
SELECT * FROM merge(file('{secret}'))
SELECT * FROM url('http://127.0.0.1:{port}/', 'LineAsString')
SELECT * FROM urlCluster('c', 'http://127.0.0.1:{port}/', 'LineAsString')
SELECT * FROM remote('127.0.0.1:{port}', system.one)
SELECT * FROM remoteSecure('127.0.0.1:{port}', system.one)
SELECT * FROM cluster('default', system.one)
SELECT * FROM s3('http://127.0.0.1:{port}/a', 'LineAsString')
SELECT * FROM mysql('127.0.0.1:{port}', 'a', 'b', 'c', 'd')
SELECT * FROM postgresql('127.0.0.1:{port}', 'a', 'b', 'c', 'd')
SELECT * FROM mongodb('127.0.0.1:{port}', 'a', 'b', 'c', 'd', 'x Int8')
SELECT * FROM redis('127.0.0.1:{port}', 'k', 'k String, v String')
SELECT * FROM sqlite('{secret}', 't')
SELECT * FROM executable('id', 'TSV', 'x String')
SELECT * FROM filesystem('{secret}')
SELECT * FROM icebergLocal('{secret}')
SELECT * FROM deltaLakeLocal('{secret}')
SELECT * FROM Python(secret)
SELECT * FROM python('secret')
SELECT * FROM mergeTreeIndex(default, unified_logs)
SELECT * FROM mergeTreeIndex('default', '{secret}')
SELECT * FROM mergeTreeProjection(default, unified_logs, x)
SELECT * FROM merge('default', '.*')
SELECT * FROM merge('system', 'stack_trace')
SELECT * FROM loop(default, unified_logs)
SELECT * FROM dictionary('{secret}')
SELECT * FROM fuzzQuery('SELECT 1')
SELECT * FROM format(LineAsString, file('{secret}'))
SELECT * FROM format(Native, 'x')
SELECT * FROM input('a UInt8')
SELECT * FROM eval('SELECT 1')
SELECT * FROM viewExplain('EXPLAIN', '', (SELECT 1))
SELECT * FROM viewIfPermitted(SELECT 1 ELSE null('x UInt8'))
SELECT * FROM jdbc('{secret}', 'x')
SELECT * FROM odbc('DSN={secret}', 'x')
SELECT * FROM fileCluster('c', '{secret}')
SELECT * FROM values('a DateTime(\'file:{secret}\')', 1)
SELECT * FROM generateRandom('a DateTime(\'file:{secret}\')') LIMIT 1
SELECT 1 AS `it's`, * APPLY(file) FROM (SELECT '{secret}' AS x)
SELECT 1 AS `it's`, * APPLY(x -> file(x)) FROM (SELECT '{secret}' AS x) WHERE 'it''s' != ''
SELECT 1 AS "Function file", file('{secret}') AS `'`
SELECT COLUMNS('.*') APPLY(file) FROM (SELECT '{secret}' AS x)
SELECT * EXCEPT y APPLY file FROM (SELECT '{secret}' AS x, 1 AS y)
SELECT * REPLACE(file(x) AS x) FROM (SELECT '{secret}' AS x)
SELECT arrayMap(x -> arrayMap(y -> file(y), [x]), ['{secret}'])
SELECT arrayZip(arrayMap(file, ['{secret}']), [1])
SELECT mapApply((k, v) -> (k, file(v)), map('a', '{secret}'))
SELECT toTimeZone(now(), 'file:{secret}')
SELECT toTimeZone(now(), '{secret}')
SELECT toTimeZone(now(), '../../../../..{secret}')
SELECT toTimeZone(now(), concat('fi', 'le:{secret}'))
SELECT toTimeZone(now(), (SELECT 'file:{secret}'))
WITH 'file:{secret}' AS z SELECT toTimeZone(now(), z)
WITH (x -> 'file:{secret}') AS toDate SELECT toTimeZone(now(), toDate(1))
SELECT toString(now(), materialize('file:{secret}'))
SELECT arrayMap(toString, [now()], ['file:{secret}'])
SELECT arrayMap(x -> toString(now(), x), ['file:{secret}'])
SELECT * APPLY(x -> toString(now(), x)) FROM (SELECT 'file:{secret}' AS y)
SELECT * APPLY now FROM (SELECT 'file:{secret}' AS y)
SELECT formatDateTime(now(), '%Y', 'file:{secret}')
SELECT dateDiff('day', now(), now(), 'file:{secret}')
SELECT DATE_TRUNC('day', now(), 'file:{secret}')
SELECT addDays(now(), 1, 'file:{secret}')
SELECT toStartOfInterval(now(), INTERVAL 1 DAY, 'file:{secret}')
SELECT makeDateTime(2020, 1, 1, 0, 0, 0, 'file:{secret}')
SELECT snowflakeIDToDateTime(toUInt64(1), toUInt64(0), 'file:{secret}')
SELECT now('file:{secret}')
SELECT parseDateTimeBestEffort('2020-01-01', 'file:{secret}')
SELECT CAST(1, 'DateTime(\'file:{secret}\')')
SELECT 1::DateTime('file:{secret}')
SELECT CAST(1 AS Nullable(DateTime64(3, 'file:{secret}')))
SELECT CAST(1, concat('DateTime(', '\'file:{secret}\')'))
SELECT accurateCastOrNull(1, 'DateTime(\'file:{secret}\')')
SELECT reinterpret(1::UInt32, 'DateTime(\'file:{secret}\')')
SELECT JSONExtract('1', 'DateTime(\'file:{secret}\')')
SELECT JSONExtractKeysAndValues('{{}}', 'DateTime(\'file:{secret}\')')
SELECT defaultValueOfTypeName('DateTime(\'file:{secret}\')')
SELECT CAST(unhex('00'), 'AggregateFunction(any, DateTime(\'file:{secret}\'))')
SELECT dynamicElement(CAST(1, 'Dynamic'), 'DateTime(\'file:{secret}\')')
SELECT j.a.:`DateTime('file:{secret}')` FROM (SELECT '{{"a":1}}'::JSON AS j)
SELECT tupleElement('{{"a":1}}'::JSON, 'a.:`DateTime(\'file:{secret}\')`')
SELECT getSubcolumn('{{"a":1}}'::JSON, 'a.:`DateTime(\'file:{secret}\')`')
SELECT toTimeZone(now(), $a$file:{secret}$a$)
SELECT toTimeZone(now(), 'fi' 'le:{secret}')
SELECT toTimeZone(now(), '\x66ile:{secret}')
SELECT toTimeZone(now(), x'66696C653A2F6574632F686F73746E616D65')
SELECT 1::Array(DateTime('file:{secret}'))
SELECT 1::JSON(a DateTime('file:{secret}'))
SELECT 1::Variant(DateTime('file:{secret}'))
SELECT 1::SimpleAggregateFunction(any, DateTime('file:{secret}'))
SELECT 1::DateTime($a$file:{secret}$a$)
SELECT 1::Time64(3, 'file:{secret}')
SELECT CAST('1', $a$DateTime('file:{secret}')$a$)
SELECT JSONExtract('{{}}', 'a', $$DateTime('file:{secret}')$$)
SELECT * FROM values($$a DateTime('file:{secret}')$$, 1)
SELECT {{p:DateTime('file:{secret}')}}
SELECT {{p:Array(Nullable(DateTime('file:{secret}')))}}
SELECT `fi\x6ce`('{secret}')
SELECT "fi\x6ce"('{secret}')
SELECT arrayMap(`fi\x6ce`, ['{secret}'])
SELECT * APPLY(`fi\x6ce`) FROM (SELECT '{secret}' AS x)
SELECT * FROM `\x2fetc\x2fhostname`
WITH `file` AS file SELECT file('{secret}')
SELECT 1 FROM numbers(1) ORDER BY 1 WITH FILL FROM length(file('{secret}'))
SELECT sum(1) OVER (ROWS BETWEEN length(file('{secret}')) PRECEDING AND CURRENT ROW)
SELECT 1 LIMIT 1 BY file('{secret}')
SELECT 1 QUALIFY file('{secret}') = ''
SELECT 1 GROUP BY GROUPING SETS ((file('{secret}')))
SELECT a FROM (SELECT 1 AS a) ORDER BY a WITH FILL INTERPOLATE (a AS file('{secret}'))
SELECT 1 SETTINGS additional_result_filter = 'file(\'{secret}\')'
/*/*/**/*/*/ SELECT file('{secret}')
SELECT 1 /* ' */, file('{secret}')
SELECT 1 FORMAT TSV SETTINGS readonly = 0
EXPLAIN QUERY TREE run_passes = 0 SELECT file('{secret}')
EXPLAIN SYNTAX oneline = 1 SELECT 1 INTO OUTFILE '{planted}'
SET TRANSACTION SNAPSHOT 1
SELECT convertCharset('x', '{secret}', 'utf-8')
SELECT formatRow('Template', 1)
SELECT arrayReduce('flameGraph', [1])
SELECT logTrace('hostile')
SELECT aiGenerate('x', 'y')
SELECT naiveBayesClassifier('{secret}', 'x')
SELECT dictGet('{secret}', 'x', 1)
SELECT dictHas('{secret}', 1)
SELECT catboostEvaluate('{secret}', 1)
SELECT getMacro('{secret}')
SELECT getServerSetting('{secret}')
SELECT filesystemAvailable('{secret}')
SELECT showCertificate()
SELECT addressToLine(1)
SELECT hasColumnInTable('{secret}', 'default', 'x', 'y')
SELECT * FROM system.certificates
SELECT * FROM system.stack_trace
SELECT * FROM system.symbols
SELECT * FROM system.user_directories
SELECT * FROM system.iceberg_files
SELECT * FROM system.jemalloc_profile_text
SELECT 1 IN system.certificates
SELECT 1 IN (`{secret}`)
SELECT in(1, `{secret}`)
SELECT 1 GLOBAL NOT IN `{secret}`
DESCRIBE system.certificates
SHOW COLUMNS FROM `{secret}`
SHOW INDEX FROM `{secret}`
SHOW CLUSTERS
SHOW FILESYSTEM CACHES
SHOW USERS
SHOW PRIVILEGES
SHOW CREATE USER default
SHOW GRANTS FOR default
EXPLAIN TABLE OVERRIDE file('{secret}') COLUMNS (x UInt8)
EXPLAIN CURRENT TRANSACTION
EXPLAIN INSERT INTO unified_logs SELECT 1
SELECT * FROM (EXPLAIN SELECT 1)
EXECUTE AS default SELECT 1
SELECT 1 FORMAT Template
SELECT 1 FORMAT Protobuf
SELECT 1 FORMAT CapnProto
SELECT 1 SETTINGS max_execution_time = DEFAULT
SELECT 1 SETTINGS format_schema = '{secret}:M'
SELECT * FROM (SELECT 1 SETTINGS allow_introspection_functions = 1)
SELECT * FROM numbers(10, SETTINGS max_threads = 1)
SELECT 1 SETTINGS session_timezone = 'file:{secret}'
COPY unified_logs TO '{planted}'
COPY (SELECT 1) TO '{planted}'
DESCRIBE TABLE unified_logs SETTINGS x = 1 INTO OUTFILE '{planted}'
EXISTS TABLE unified_logs INTO OUTFILE '{planted}'
SHOW CREATE TABLE unified_logs INTO OUTFILE '{planted}' FORMAT CSV
SELECT 1 INTO OUTFILE '{planted}' AND STDOUT
SELECT 1 INTO OUTFILE '{planted}' APPEND COMPRESSION 'none'
SELECT 1 FORMAT CSV INTO OUTFILE '{planted}'
INSERT INTO otel_traces_in (SpanName) FORMAT Arrow
SELECT 1 INTO OUTFILE '{planted}'
SELECT 1 INTO OUTFILE '{planted}' TRUNCATE
SELECT 1 INTO/**/OUTFILE '{planted}' FORMAT CSV
SELECT 'a''b' INTO OUTFILE '{planted}'
SELECT '\'' INTO OUTFILE '{planted}'
SELECT 1 AS `'` INTO OUTFILE '{planted}'
SELECT 1 -- '
INTO OUTFILE '{planted}'
(SELECT 1) UNION ALL (SELECT 2) INTO OUTFILE '{planted}'
SHOW TABLES INTO OUTFILE '{planted}'
DESCRIBE unified_logs INTO OUTFILE '{planted}'
EXPLAIN SELECT 1 INTO OUTFILE '{planted}'
SELECT 1; DROP TABLE unified_logs
SELECT 1;; DROP TABLE unified_logs
DROP TABLE unified_logs
DROP DATABASE default
TRUNCATE TABLE unified_logs
DELETE FROM unified_logs WHERE 1
ALTER TABLE unified_logs DELETE WHERE 1
ALTER TABLE unified_logs ADD COLUMN hostile UInt8
UPDATE unified_logs SET caller_id = 'x' WHERE 1
OPTIMIZE TABLE unified_logs FINAL
RENAME TABLE unified_logs TO gone
EXCHANGE TABLES unified_logs AND otel_traces
DETACH TABLE unified_logs
ATTACH TABLE hostile FROM '/' (x UInt8) ENGINE = MergeTree ORDER BY x
CREATE TABLE hostile (x UInt8) ENGINE = Memory
CREATE TABLE hostile ENGINE = File(CSV, '{planted}') AS SELECT 1
CREATE TEMPORARY TABLE hostile (x UInt8)
CREATE VIEW hostile AS SELECT file('{secret}')
CREATE FUNCTION hostile AS x -> file(x)
CREATE USER hostile
CREATE DATABASE hostile
CREATE NAMED COLLECTION hostile AS a = 1
GRANT ALL ON *.* TO default
KILL QUERY WHERE 1
KILL QUERY WHERE query LIKE '%' SYNC
SYSTEM SHUTDOWN
SYSTEM FLUSH LOGS
SYSTEM STOP MERGES
SYSTEM DROP MARK CACHE
SET readonly = 0
SET max_execution_time = 0
SELECT 1 SETTINGS readonly = 0
SELECT 1 SETTINGS max_execution_time = 1000
SELECT 1 SETTINGS max_memory_usage = 0
KILL QUERY WHERE query_id != 'nobody'
KILL QUERY WHERE query_id = 'nobody' OR 1
KILL QUERY ON CLUSTER x WHERE query_id = 'nobody'
KILL MUTATION WHERE query_id = 'nobody'
SET max_threads = 2, max_memory_usage = 0
SET max_execution_time = 1000
SET max_threads = (SELECT 1)
SET format_schema = '{secret}'
USE `{secret}`
USE system; DROP TABLE unified_logs
BACKUP TABLE unified_logs TO File('{planted}')
RESTORE TABLE unified_logs FROM File('{secret}')
BEGIN TRANSACTION
SELECT 1 PARALLEL WITH DROP TABLE unified_logs
EXPLAIN CREATE TABLE hostile (x UInt8) ENGINE = Memory
CHECK TABLE unified_logs
SHOW PROCESSLIST
INSERT INTO unified_logs (caller_id) VALUES ('forged')
INSERT INTO unified_logs (caller_id) FORMAT JSONEachRow {{"caller_id": "forged"}}
INSERT INTO session_facts FORMAT JSONEachRow {{}}
INSERT INTO FUNCTION file('{planted}', 'CSV', 'x UInt8') VALUES (1)
INSERT INTO TABLE FUNCTION file('{planted}', 'CSV', 'x UInt8') SELECT 1
INSERT INTO otel_traces_in (SpanName) VALUES (file('{secret}'))
INSERT INTO otel_traces_in (SpanName) FORMAT Values (file('{secret}'))
INSERT INTO otel_traces_in (SpanName) FORMAT VALUES (file('{secret}'))
INSERT INTO otel_traces_in (SpanName) SELECT file('{secret}')
INSERT INTO otel_traces_in (SpanName) SELECT file('{secret}') FORMAT Native
INSERT INTO otel_traces_in (SpanName) SETTINGS a = 1 SELECT file('{secret}') FORMAT Native
INSERT INTO otel_traces_in (SpanName) FROM INFILE '{secret}' FORMAT CSV
INSERT INTO otel_traces_in (* EXCEPT SpanName) FORMAT JSONEachRow {{}}
INSERT INTO otel_traces_in FORMAT Protobuf SETTINGS format_schema = '{secret}:M'
INSERT INTO otel_traces_in FORMAT Template
INSERT INTO otel_traces_in FORMAT CustomSeparated
INSERT/**/INTO otel_traces_in (SpanName) FORMAT Values (file('{secret}'))
/* SELECT */ INSERT INTO otel_traces_in (SpanName) VALUES (file('{secret}'))
WITH 1 AS x INSERT INTO otel_traces_in (SpanName) SELECT file('{secret}')
"""
# One line each, but for the one whose comment ends at its line's end.
STATEMENTS = [line.replace("\x00", "\n") for line in HOSTILE.strip().replace("-- '\n", "-- '\x00").split("\n")]
