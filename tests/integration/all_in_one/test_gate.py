"""What reaches the engine from outside: hostile statements change nothing, read no file, write none; what clients really send passes."""

from __future__ import annotations

import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.all_in_one import AllInOne, running_all_in_one

from rvbbit_otel.storage.audits import load_audits

SECRET = "planted-canary"


@dataclass(frozen=True)
class Target:
    """An all-in-one, a file that it must not show, and a file that it must not write."""

    server: AllInOne
    secret: Path
    planted: Path


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    folder = tmp_path_factory.mktemp("gate")
    secret = folder / "secret.csv"
    secret.write_text(f"id,name\n1,{SECRET}\n")
    with running_all_in_one(folder / "data") as server:
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
USE system
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
    assert code in ("46", "47", "60", "62", "164", "497"), text


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
        ("SELECT arrayMap({f:Identifier}, [{p:String}])", {"param_f": "file"}),
        ("SELECT * FROM {p:Identifier}", {}),
        ("EXISTS TABLE {p:Identifier}", {}),
        ("SELECT * APPLY({f:Identifier}) FROM (SELECT {p:String} AS x)", {"param_f": "file"}),
        ("SELECT {f:Identifier}({p:String})", {"param_f": "file"}),
    ],
)
def test_a_bound_parameter_is_no_way_round(target: Target, statement: str, parameters: dict[str, str]) -> None:
    status, code, text = ask(target.server, statement, {"param_p": str(target.secret), **parameters})
    assert (status, SECRET in text) in ((400, False), (403, False)), text
    assert code in ("62", "497")


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
    ],
)
def test_what_clients_ask_is_answered(target: Target, sql: str) -> None:
    status, _, text = ask(target.server, sql, {"param_since": "2026-01-01 00:00:00", "param_idle_seconds": "60"})
    assert status == 200, text
