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
from tests.support.hostile_sql import STATEMENTS

from rvbbit_otel.all_in_one.engine.engine import Engine
from rvbbit_otel.all_in_one.engine.error import EngineError
from rvbbit_otel.all_in_one.options import Options
from rvbbit_otel.all_in_one.statements.gate import Gate
from rvbbit_otel.storage.audits import load_audits
from rvbbit_otel.storage.files import text_of
from rvbbit_otel.storage.repair import STATEMENTS as REPAIRS

SECRET = "planted-canary"


@dataclass(frozen=True)
class Target:
    """An all-in-one, a file that it must not show, and a file that it must not write."""

    server: AllInOne
    secret: Path
    planted: Path


@pytest.fixture(scope="module", params=[None, "landlock"], ids=["closed", "without-landlock"])
def target(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    folder = tmp_path_factory.mktemp("gate")
    secret = folder / "secret.csv"
    secret.write_text(f"id,name\n1,{SECRET}\n")
    with running_all_in_one(folder / "data", without=request.param) as server:
        yield Target(server, secret, folder / "planted.csv")


def ask(server: AllInOne, sql: str, parameters: dict[str, str] | None = None) -> tuple[int, str, str]:
    """Status, the engine's code, text."""
    url = f"{server.clickhouse}/?{urllib.parse.urlencode(parameters or {})}"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, sql.encode()), timeout=30) as answer:
            return answer.status, "0", answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers["X-ClickHouse-Exception-Code"], error.read().decode()


@pytest.mark.figure(15)
@pytest.mark.parametrize("statement", STATEMENTS)
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


@pytest.mark.figure(16)
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
    parameters = {
        "param_since": "2026-01-01 00:00:00",
        "param_until": "2027-01-01 00:00:00",
        "param_idle_seconds": "60",
        "param_a": "1",
    }
    parameters |= {"param_d": "default", "param_t": "unified_logs"}
    status, _, text = ask(target.server, sql, parameters)
    assert status == 200, text


@pytest.mark.figure(16)
def test_every_question_of_the_project_passes(engine: Engine) -> None:
    """The audits, what the CLI and the checks ask, what Grafana's boards and the benchmarks ask; not the DDL and what only our own process runs."""
    folders = ("src/rvbbit_otel/storage/sql", "grafana", "benchmarks/sql", "examples")
    files = [file for folder in folders for file in sorted((ROOT / folder).rglob("*.sql"))]
    own = {"migrations", "cluster", "nodes", "repair", "reshard", "landing", "keys", "erase", "keep"}
    values = dict.fromkeys(("caller", "session", "trace_id"), "x")
    texts = {
        str(file.relative_to(ROOT)): expand(text, Range(0, 3600), values)
        for file in files
        if not own & set(file.parts) and (text := text_of(file)) and is_question(text)
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
