"""What reaches the engine from outside: hostile statements change nothing, read no file, write none; what clients really send passes.

Each is sent to a server whose files are closed (Landlock) and to one whose are not, as on a system without it.
"""

from __future__ import annotations

import contextlib
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.all_in_one import AllInOne, running_all_in_one
from tests.support.files import ROOT
from tests.support.grafana import Range, board_queries, expand

from rvbbit_otel.all_in_one.engine import Engine
from rvbbit_otel.all_in_one.engine_error import EngineError
from rvbbit_otel.all_in_one.gate import Gate
from rvbbit_otel.all_in_one.options import Options
from rvbbit_otel.storage.audits import load_audits
from rvbbit_otel.storage.repair import STATEMENTS as REPAIRS

SECRET = "planted-canary"


@dataclass(frozen=True)
class Target:
    """An all-in-one, a file that it must not show, and a file that it must not write."""

    server: AllInOne
    secret: Path
    planted: Path


@pytest.fixture(scope="module", params=[True, False], ids=["closed", "without-landlock"])
def target(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    folder = tmp_path_factory.mktemp("gate")
    secret = folder / "secret.csv"
    secret.write_text(f"id,name\n1,{SECRET}\n")
    with running_all_in_one(folder / "data", closed=request.param) as server:
        yield Target(server, secret, folder / "planted.csv")


def ask(server: AllInOne, sql: str, parameters: dict[str, str] | None = None) -> tuple[int, str, str]:
    """Status, the engine's code, text."""
    url = f"{server.clickhouse}/?{urllib.parse.urlencode(parameters or {})}"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, sql.encode()), timeout=30) as answer:
            return answer.status, "0", answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers["X-ClickHouse-Exception-Code"], error.read().decode()


# {secret}: a file that exists; {planted}: one that does not; {port}: the OTLP port of this very server.
HOSTILE = """
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
SELECT '\\'' INTO OUTFILE '{planted}'
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
STATEMENTS = HOSTILE.strip().replace("-- '\n", "-- '\x00").split("\n")


@pytest.mark.parametrize("statement", [line.replace("\x00", "\n") for line in STATEMENTS])
def test_a_hostile_statement_is_refused_and_leaves_no_trace(target: Target, statement: str) -> None:
    port = target.server.otlp_http.rpartition(":")[2]
    before = ask(target.server, "SELECT name, total_rows FROM system.tables WHERE database = 'default' ORDER BY name")
    sql = statement.format(secret=target.secret, planted=target.planted, port=port)
    status, code, text = ask(target.server, sql)
    assert status in (400, 403, 404), text
    assert SECRET not in text
    assert not target.planted.exists()
    assert (
        ask(target.server, "SELECT name, total_rows FROM system.tables WHERE database = 'default' ORDER BY name")
        == before
    )
    assert code in ("36", "46", "47", "60", "62", "73", "81", "164", "497"), text


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM `{path}`",
        "EXISTS TABLE `{path}`",
        "DESCRIBE `{path}`",
        "SHOW CREATE TABLE `{path}`",
        "SELECT 1 IN `{path}`",
        "SELECT * FROM file('{path}')",
        "SELECT joinGet('{path}', 'id', 1)",
    ],
)
def test_an_answer_does_not_tell_whether_a_file_exists(target: Target, statement: str) -> None:
    seen = {ask(target.server, statement.format(path=path)) for path in (target.secret, target.planted)}
    assert len({(status, code) for status, code, _ in seen}) == 1


@pytest.mark.parametrize(
    ("statement", "parameters"),
    [
        ("SELECT toTimeZone(now(), {z:String})", {"param_z": "file:/etc/hostname"}),
        ("SELECT toTimeZone(now(), {z:String})", {"param_z": "\\x66ile:/etc/hostname"}),
        ("SELECT CAST(1, {z:String})", {"param_z": "String"}),
        ("SELECT {z:DateTime('file:/etc/hostname')}", {"param_z": "1"}),
        ("SELECT * FROM {d:Identifier}.{t:Identifier}", {"param_d": "system", "param_t": "certificates"}),
        ("SELECT 1 IN {t:Identifier}", {"param_t": "/etc/hostname"}),
        ("SELECT * FROM {t:Identifier}", {"param_t": "\\x2fetc\\x2fhostname"}),
        ("SELECT arrayMap({f:Identifier}, [{p:String}])", {"param_f": "fil\\x65"}),
        ("SELECT arrayMap({f:Identifier}, [now()], ['file:/etc/hostname'])", {"param_f": "toString"}),
        ("SELECT j.{x:Identifier} FROM (SELECT '{}'::JSON AS j)", {"param_x": "a.:`DateTime('file:/etc/hostname')`"}),
        ("SELECT 1 FORMAT {f:Identifier}", {"param_f": "Template"}),
        ("SELECT 1 SETTINGS max_threads = {n:UInt8}", {"param_n": "1"}),
        ("DESCRIBE {t:Identifier}", {"param_t": "/etc/hostname"}),
        ("DESCRIBE {d:Identifier}.{t:Identifier}", {"param_d": "system", "param_t": "certificates"}),
        ("SELECT arrayMap({f:Identifier}, [{p:String}])", {"param_f": "file"}),
        ("SELECT * FROM {p:Identifier}", {}),
        ("EXISTS TABLE {p:Identifier}", {}),
        ("SELECT * APPLY({f:Identifier}) FROM (SELECT {p:String} AS x)", {"param_f": "file"}),
        ("SELECT {f:Identifier}({p:String})", {"param_f": "file"}),
    ],
)
def test_a_bound_parameter_is_no_way_round(target: Target, statement: str, parameters: dict[str, str]) -> None:
    status, code, text = ask(target.server, statement, {"param_p": str(target.secret), **parameters})
    assert (status, SECRET in text) in ((400, False), (403, False), (404, False)), text
    assert code in ("62", "164", "497", "536")


@pytest.mark.parametrize(
    "setting",
    [
        {"format_tsv_null_representation": "SELECT 1"},
        {"format_csv_null_representation": "SELECT 1"},
        {"output_format_json_escape_forward_slashes": "0"},
        {"output_format_pretty_max_rows": "0"},
        {"session_timezone": "Asia/Tokyo"},
        {"result_overflow_mode": "break", "max_result_rows": "1"},
        {"limit": "0"},
        {"offset": "1"},
        {"extremes": "1"},
        {"bool_true_representation": "false"},
        {"default_format": "Null"},
        {"max_result_bytes": "1"},
        {"max_execution_time": "0.000001"},
    ],
)
def test_no_setting_of_a_client_changes_what_is_checked(target: Target, setting: dict[str, str]) -> None:
    planted = target.planted
    for sql in (
        f"SELECT file('{target.secret}')",
        f"SELECT 1 INTO OUTFILE '{planted}'",
        "KILL QUERY WHERE 1",
        "SYSTEM FLUSH LOGS",
    ):
        status, code, text = ask(target.server, sql, setting)
        assert (status, code, SECRET in text, planted.exists()) == (403, "497", False, False), text


def test_a_url_and_a_header_are_no_way_round(target: Target) -> None:
    sql = urllib.parse.quote(f"SELECT file('{target.secret}')")
    for request in (
        urllib.request.Request(f"{target.server.clickhouse}/?query={sql}"),
        urllib.request.Request(f"{target.server.clickhouse}/?query=SELECT+1&query={sql}"),
        urllib.request.Request(f"{target.server.clickhouse}/?query={sql}", b" "),
        urllib.request.Request(
            f"{target.server.clickhouse}/", b"SELECT 1", {"X-ClickHouse-Format": "JSON INTO OUTFILE 'x'"}
        ),
        urllib.request.Request(
            f"{target.server.clickhouse}/", b"SELECT 1", {"X-ClickHouse-Database": "x; DROP TABLE unified_logs"}
        ),
        urllib.request.Request(f"{target.server.clickhouse}/?database=system", b"SELECT * FROM certificates"),
    ):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=30)
        assert refused.value.code in (400, 403, 404)
        assert SECRET not in refused.value.read().decode()


@pytest.mark.parametrize("name", ["a\r\nX-Evil: 1", "€", "\x00\x1b", "x" * 300])
def test_a_query_id_that_can_not_stand_in_a_header_is_replaced(target: Target, name: str) -> None:
    for query, status in (("SELECT 1", 200), ("SELEC", 400)):
        url = f"{target.server.clickhouse}/?{urllib.parse.urlencode({'query': query, 'query_id': name})}"
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                seen = answer.status, answer.headers
        except urllib.error.HTTPError as error:
            seen = error.code, error.headers
        assert (seen[0], seen[1]["X-Evil"], len(seen[1]["X-ClickHouse-Query-Id"])) == (status, None, 36)
    assert "Traceback" not in target.server.log()


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
def test_only_post_writes(target: Target, method: str) -> None:
    count = "SELECT count() FROM otel_logs WHERE Body = 'hostile'"
    row = '{"Timestamp": "2100-01-01 00:00:00", "Body": "hostile"}'
    for query in (f"INSERT INTO otel_logs_in (Timestamp, Body) FORMAT JSONEachRow {row}", *REPAIRS):
        url = f"{target.server.clickhouse}/?{urllib.parse.urlencode({'query': query})}"
        with (
            contextlib.suppress(urllib.error.HTTPError),
            urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=30) as answer,
        ):
            assert (method, answer.status) == ("OPTIONS", 204)
    assert ask(target.server, count)[2] == "0\n"


def test_a_question_of_any_length_is_answered_or_refused_and_others_are_answered_meanwhile(target: Target) -> None:
    texts = [
        "INSERT INTO otel_traces_in " + "(a " * 8000,
        "INSERT INTO otel_traces_in SETTINGS " + "a=1," * 4000,
        "SELECT displayName()" + " " * 200_000 + "x",
        "SELECT '" + "\\" * 100_000,
        "SELECT " + "(" * 100_000,
        "SELECT " + "f(" * 100_000,
        "SELECT " + "1," * 120_000 + "1",
        "SELECT " + "NOT " * 60_000 + "1",
        "SELECT 1" + " UNION ALL SELECT 1" * 13_000,
        "SELECT * FROM a" + ", a" * 80_000,
        "SELECT CAST(1, '" + "Array(" * 40_000 + "')",
        "EXPLAIN " * 30_000 + "SELECT 1",
        "SHOW CREATE TABLE " + "a." * 100_000 + "b",
        "DESCRIBE " + "(" * 200_000,
        "EXISTS " + "`" * 200_000,
        "--" * 100_000,
        "/*" * 100_000,
        "SELECT 1 IN (" + "1," * 100_000 + "1)",
    ]
    with ThreadPoolExecutor(len(texts)) as pool:
        asked = [pool.submit(ask, target.server, text) for text in texts]
        assert [ask(target.server, "SELECT 1")[2] for _ in range(20)] == ["1\n"] * 20
        assert {answer.result()[0] for answer in asked} <= {200, 400, 403, 404}


def test_a_text_that_is_too_long_is_refused_before_it_is_read(target: Target) -> None:
    status, code, text = ask(target.server, "SELECT '" + "x" * 256 * 1024 + "'")
    assert (status, code) == (400, "62")
    assert "Max query size exceeded" in text
    assert ask(target.server, "SELECT length('" + "x" * 200_000 + "')")[2] == "200000\n"
    for more in ("&param_x=" + "x" * 200_000, "&a=1" * 2000):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{target.server.clickhouse}/?query=SELECT+1{more}", timeout=30)
        assert refused.value.code in (400, 414)


@pytest.mark.parametrize(
    "sql",
    [
        *(audit.sql for audit in load_audits()),
        "SELECT 1;",
        " -- a comment\nSELECT 1",
        "WITH file AS (SELECT 1 AS a) SELECT a FROM file",
        "SELECT 'INTO OUTFILE', 'file(', 'arrayMap(file, x)' FORMAT JSON",
        "SELECT attributes.file FROM (SELECT tuple(1)::Tuple(file UInt8) AS attributes)",
        "SELECT cost AS `usd/s`, count() FROM unified_logs GROUP BY `usd/s`",
        "SELECT * APPLY(toString) FROM (SELECT 1 AS x, 'a file' AS y)",
        "SELECT name FROM system.tables WHERE database = currentDatabase()",
        "SHOW TABLES",
        "SHOW DATABASES",
        "SHOW CREATE TABLE unified_logs",
        "DESCRIBE TABLE unified_logs",
        "EXISTS TABLE unified_logs",
        "EXPLAIN SELECT count() FROM unified_logs",
        "SELECT version(), timezone(), currentDatabase()",
        "SELECT name, value, readonly FROM system.settings LIMIT 1",
        "(SELECT 1) UNION ALL (SELECT 2)",
        "SELECT 1 INTERSECT SELECT 1",
        "FROM unified_logs SELECT count()",
        "SELECT " + " + ".join(["1"] * 250),
        "SELECT count() FROM unified_logs WHERE " + " OR ".join(f"caller_id = '{at}'" for at in range(2000)),
        "SELECT " + "(" * 200 + "1" + ")" * 200,
        "SELECT 1" + " UNION ALL SELECT 1" * 200,
        "SELECT 1 SETTINGS max_threads = 1 FORMAT JSON",
        "SELECT 1 FORMAT JSON SETTINGS max_threads = 1",
        "SELECT toTimeZone(now(), 'Europe/Berlin'), toString(now(), 'UTC'), toStartOfInterval(now(), INTERVAL 5 MINUTE)",
        "SELECT CAST(1 AS DateTime('UTC')), JSONExtract('{}', 'a', 'Array(String)'), '1'::Nullable(UInt8)",
        "SELECT arrayMap(x -> toString(x), [1]), arrayMap(toString, [1]), mapApply((k, v) -> (k, v), map('a', 1))",
        "SELECT sum(number) OVER (PARTITION BY number % 2 ORDER BY number ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM numbers(9)",
        "SELECT quantiles(0.5, 0.9)(number), uniqExactIf(number, number > 3), argMax(number, number) FROM numbers(9)",
        "SELECT * FROM values('a UInt8, b String', (1, 'x'))",
        "SELECT a.1, a.x FROM (SELECT CAST((1, 2), 'Tuple(x UInt8, y UInt8)') AS a)",
        "SELECT number FROM numbers(3) ORDER BY number WITH FILL TO 9 STEP 2",
        "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t WHERE n < 5) SELECT * FROM t",
        "SELECT k, count() FROM (SELECT number % 3 AS k FROM numbers(9)) GROUP BY k WITH TOTALS ORDER BY k LIMIT 1 BY k",
        "SELECT * EXCEPT cost REPLACE(1 AS tokens_in) FROM unified_logs LIMIT 1",
        "SELECT CASE WHEN 1 THEN 'a' ELSE 'b' END, 1 BETWEEN 0 AND 2, 'a' LIKE 'b%', NOT 1, -1, [1, 2][1], {a:UInt8}",
        "SELECT 1 IN (SELECT 1), (1, 2) IN ((1, 2)), EXISTS(SELECT 1), 2 = ANY (SELECT 2)",
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'default'",
        "SHOW COLUMNS FROM unified_logs",
        "SHOW INDEX FROM unified_logs",
        "SHOW FUNCTIONS LIKE 'arrayMap'",
        "SHOW SETTINGS LIKE 'max_threads'",
        "SHOW CREATE DATABASE default",
        "DESCRIBE (SELECT 1 AS a, 'b' AS c)",
        "DESC unified_logs FORMAT JSON;",
        "DESCRIBE {t:Identifier}",
        "SELECT count() FROM {d:Identifier}.{t:Identifier}",
        "EXISTS DATABASE system",
        "EXPLAIN AST SELECT 1",
        "EXPLAIN PIPELINE SELECT 1",
        "EXPLAIN indexes = 1 SELECT count() FROM unified_logs FORMAT TSVRaw",
    ],
)
def test_what_clients_ask_is_answered(target: Target, sql: str) -> None:
    parameters = {"param_since": "2026-01-01 00:00:00", "param_idle_seconds": "60", "param_a": "1"}
    parameters |= {"param_d": "default", "param_t": "unified_logs"}
    status, _, text = ask(target.server, sql, parameters)
    assert status == 200, text


def test_every_question_of_the_project_passes(engine: Engine) -> None:
    """The audits, what the CLI and the checks ask, what Grafana's boards and the benchmarks ask; not the DDL and what only our own process runs."""
    folders = ("src/rvbbit_otel/storage/sql", "grafana", "benchmarks/sql", "examples")
    files = [file for folder in folders for file in sorted((ROOT / folder).rglob("*.sql"))]
    own = {"migrations", "cluster", "repair"}
    values = dict.fromkeys(("caller", "session", "trace_id"), "x")
    texts = {
        str(file.relative_to(ROOT)): expand(text, Range(0, 3600), values)
        for file in files
        if not own & set(file.parts) and (text := file.read_text()) and is_question(text)
    }
    texts |= {text: expand(text, Range(0, 3600), values) for text in board_queries()}
    assert len(texts) > 60
    gate = Gate(engine.connect, Options(Path("nowhere")))
    try:
        assert {name: said for name, text in texts.items() if (said := refusal(gate, text))} == {}
    finally:
        gate.close()


def is_question(text: str) -> bool:
    code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("--"))
    return code.split(None, 1)[0].upper() in ("SELECT", "WITH", "SHOW", "DESCRIBE", "EXISTS", "EXPLAIN")


def refusal(gate: Gate, text: str) -> str:
    try:
        gate.check(text)
    except EngineError as error:
        return str(error)
    return ""
