"""Who asked what of the store is written down, and no value of it."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
from tests.support.all_in_one import AllInOne, running_all_in_one
from tests.support.otlp import row, traces

from rvbbit_otel.all_in_one.http.access_log import NAME, AccessLog, in_shape
from rvbbit_otel.counters import Counters


def ask(server: AllInOne, sql: str, headers: dict[str, str] | None = None, path: str = "/") -> int:
    request = urllib.request.Request(f"{server.clickhouse}{path}", sql.encode() or None, headers or {})
    try:
        with urllib.request.urlopen(request) as answer:
            answer.read()
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_each_question_is_a_line_without_its_values(tmp_path: Path) -> None:
    log = tmp_path / "data" / NAME
    with running_all_in_one(tmp_path / "data", environ={"RVBBIT_OTEL_TOKEN": "hidden-token"}) as server:
        own = {"Authorization": "Bearer hidden-token"}
        headers = {"Content-Type": "application/x-protobuf", **own}
        body = traces(row(1, "s1", "sql-secret"), row(2, "s2", "sql-secret"))
        urllib.request.urlopen(urllib.request.Request(f"{server.otlp_http}/v1/traces", body, headers)).read()
        assert ask(server, "SELECT session_id FROM unified_logs WHERE caller_id = 'sql-secret' LIMIT 7", own) == 200
        assert ask(server, "SELECT nothing_here, 'sql-secret'", own) == 400
        assert ask(server, 'INSERT INTO otel_logs_in FORMAT JSONEachRow {"Body": "sql-secret"}', own) == 200
        assert ask(server, "SELECT 'sql-secret'", {"X-ClickHouse-User": "eve"}) == 401
        assert ask(server, "", own, "/ping") == 200
        lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert "sql-secret" not in log.read_text()
    assert "hidden-token" not in log.read_text()
    assert [(each["who"], each["statement"], each["rows"], each["status"]) for each in lines] == [
        ("token", "SELECT session_id FROM unified_logs WHERE caller_id = ? LIMIT ?", 2, 200),
        ("token", "SELECT nothing_here, ?", 0, 400),
        ("token", "INSERT INTO otel_logs_in", 0, 200),
        ("eve", "", 0, 401),
    ]
    assert {tuple(each) for each in lines} == {
        ("time", "who", "from", "listener", "path", "statement", "rows", "bytes", "ms", "status")
    }
    assert lines[0]["bytes"] == len("s1\ns2\n")
    assert {(each["from"], each["listener"], each["path"]) for each in lines} == {("127.0.0.1", "sql", "/")}


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        (b"SELECT 1", "SELECT ?"),
        (b"insert into t VALUES (7)", "insert into t"),
        (b"INSERT INTO db.`t 1` FORMAT CSV\n1", "INSERT INTO db.`t"),
        (b"SELECT 'never closed", "SELECT "),
        (b"SELECT '\xff' -- a comment", "SELECT ? "),
        (b"", ""),
    ],
)
def test_a_statement_is_told_by_its_shape(statement: bytes, told: str) -> None:
    assert in_shape(statement) == told


def test_the_log_has_a_bound_and_what_it_can_not_write_costs_nothing_else(tmp_path: Path) -> None:
    counters = Counters()
    log = AccessLog(tmp_path, counters, size=100)
    for number in range(60):
        log.write({"number": number, "text": "x" * 40})
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == ["access.1.jsonl", "access.2.jsonl", "access.3.jsonl", "access.jsonl"]
    assert all(path.stat().st_size <= 200 for path in tmp_path.iterdir())
    assert json.loads((tmp_path / NAME).read_text().splitlines()[-1])["number"] == 59
    AccessLog(tmp_path / "gone", counters).write({"number": 1})
    assert counters.snapshot()["errors.access_log"] == 1
