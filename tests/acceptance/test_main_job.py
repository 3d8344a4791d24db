"""The whole chain with real parts: an unchanged runner, Postgres clients, OTLP, the engine, SQL; and the command line around it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from tests.support.all_in_one import AllInOne, running_all_in_one

import drive
from rvbbit_otel.storage.audits import load_audits, run_audit
from rvbbit_otel.storage.client import ClickHouseDatabase

ROWS_PER_SESSION = 20
COMMAND = [sys.executable, "-m", "rvbbit_otel"]
# Word for word, as anyone would type them.
BY_CALLER = """SELECT caller_id, COUNT(*) as row_count, COUNT(DISTINCT session_id) as session_count
FROM unified_logs WHERE caller_id LIKE 'sql-%' AND timestamp > now() - INTERVAL 5 MINUTE GROUP BY caller_id;"""
SESSIONS = """SELECT caller_id, session_id, status FROM session_state
WHERE caller_id LIKE 'sql-%' ORDER BY started_at DESC LIMIT 10;"""
CASCADES = """SELECT caller_id, session_id, cascade_id FROM cascade_sessions
WHERE caller_id LIKE 'sql-%' ORDER BY created_at DESC LIMIT 10;"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[AllInOne]:
    with running_all_in_one(tmp_path / "data") as running:
        yield running


def instrumented(server: AllInOne, door: str = "grpc") -> list[str]:
    endpoint = f"http://{server.otlp_grpc}" if door == "grpc" else server.otlp_http
    protocol = [] if door == "grpc" else ["env", "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"]
    return [*protocol, *COMMAND, "run", "--endpoint", endpoint, "--"]


def curl(server: AllInOne, query: str) -> list[list[str]]:
    finished = subprocess.run(
        ["curl", "-sS", "--fail-with-body", server.clickhouse, "--data-binary", query],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return [line.split("\t") for line in finished.stdout.splitlines()]


def broken_rules(server: AllInOne) -> dict[str, list[tuple[object, ...]]]:
    database = ClickHouseDatabase(server.clickhouse)
    findings = [run_audit(database, audit) for audit in load_audits()]
    return {finding.audit.name: finding.rows for finding in findings if not finding.holds}


def stored_callers(server: AllInOne, table: str) -> dict[str, set[str]]:
    rows = (
        ClickHouseDatabase(server.clickhouse)
        .query(f"SELECT session_id, groupUniqArray(caller_id) FROM {table} GROUP BY session_id")
        .rows
    )
    return {str(session): set(callers) for session, callers in rows}  # type: ignore[arg-type]


@pytest.mark.parametrize("door", ["grpc", "http"])
def test_one_query_over_three_rows_gives_sixty_three_and_three_rows_of_one_caller(
    server: AllInOne, tmp_path: Path, door: str
) -> None:
    with (
        drive.processes(tmp_path / "runner", instrumented(server, door)) as dsn,
        psycopg.connect(dsn, autocommit=True) as connection,
    ):
        assert len(connection.execute(drive.ACCEPTANCE_QUERY).fetchall()) == 3
    sessions = drive.truth(tmp_path / "runner" / "journal.jsonl")
    (owner,) = {session.owner for session in sessions}
    assert curl(server, BY_CALLER) == [[owner, str(3 * ROWS_PER_SESSION), "3"]]
    expected = sorted([owner, session.session_id, "completed"] for session in sessions)
    assert sorted(curl(server, SESSIONS)) == expected
    assert sorted(curl(server, CASCADES)) == [[owner, session, "extract_brand"] for _, session, _ in expected]
    assert broken_rules(server) == {}
    # One trace for the whole query; its root tells which question it was, once, and not what it was asked about.
    assert len(curl(server, "SELECT DISTINCT trace_id FROM unified_logs")) == 1
    metadata = json.loads(curl(server, f"SELECT metadata FROM callers WHERE caller_id = '{owner}' FORMAT TSVRaw")[0][0])
    assert (metadata["origin"], metadata["protocol"]) == ("sql", "simple")
    assert metadata["sql_query"] == re.sub("'[^']*'", "?", drive.ACCEPTANCE_QUERY)
    assert "(VALUES (?), (?), (?)) AS t(product_name)" in metadata["sql_query"]
    # Two calls to the model a session, each counted once.
    events = [json.loads(line) for line in (tmp_path / "runner" / "journal.jsonl").read_text().splitlines()]
    calls = [event for event in events if event["event"] == "log" and event["tokens_in"]]
    ((tokens_in, tokens_out, cost),) = curl(
        server, "SELECT sum(tokens_in), sum(tokens_out), sum(cost) FROM unified_logs"
    )
    assert (int(tokens_in), int(tokens_out)) == (
        sum(e["tokens_in"] for e in calls),
        sum(e["tokens_out"] for e in calls),
    )
    assert float(cost) == pytest.approx(sum(event["cost"] for event in calls))
    # Content stays in the process unless it is asked for.
    assert curl(server, "SELECT count() FROM unified_logs WHERE content != '' OR metadata != ''") == [["0"]]


@pytest.mark.parametrize(
    ("cascade", "extended", "sessions_a_row"),
    [("traits/extract_brand.yaml", False, 1), ("traits/extract_brand.yaml", True, 1), ("traits/nested.yaml", False, 2)],
    ids=["simple protocol", "extended protocol", "sub-cascades"],
)
def test_sixteen_clients_of_twenty_rows_leave_no_row_without_its_caller_and_none_with_anothers(
    server: AllInOne, tmp_path: Path, cascade: str, extended: bool, sessions_a_row: int
) -> None:
    with drive.processes(tmp_path / "runner", instrumented(server)) as dsn:
        assert drive.drive(dsn, 16, 20, cascade=cascade, extended=extended) == 320
    sessions = drive.truth(tmp_path / "runner" / "journal.jsonl")
    owners = {session.session_id: {session.owner} for session in sessions}
    assert len(owners) == 320 * sessions_a_row
    assert len({session.owner for session in sessions}) == 16
    # The test proves nothing unless the runner itself is wrong: on DuckDB's native threads it knows no caller.
    assert any(session.native_thread and session.noted_caller is None for session in sessions)
    for table in ("unified_logs", "session_state", "cascade_sessions"):
        assert stored_callers(server, table) == owners
    parents = {(session.session_id, session.parent_session_id or "") for session in sessions}
    assert {tuple(row) for row in curl(server, "SELECT session_id, parent_session_id FROM session_state")} == parents
    if sessions_a_row == 1:
        assert curl(server, "SELECT count() FROM unified_logs") == [[str(320 * ROWS_PER_SESSION)]]
    assert broken_rules(server) == {}


def test_the_rows_of_a_cascade_that_failed_have_their_caller_and_its_error(server: AllInOne, tmp_path: Path) -> None:
    with (
        drive.processes(tmp_path / "runner", instrumented(server)) as dsn,
        pytest.raises(psycopg.Error, match="the tool is out of order"),
    ):
        drive.drive(dsn, 1, 1, cascade="traits/failing.yaml")
    (session,) = drive.truth(tmp_path / "runner" / "journal.jsonl")
    assert stored_callers(server, "unified_logs") == {session.session_id: {session.owner}}
    ((status, error),) = curl(server, "SELECT status, error FROM session_state")
    assert (status, "out of order" in error or "RuntimeError" in error) == ("error", True)


def test_the_host_does_not_notice_a_backend_that_is_down(tmp_path: Path) -> None:
    nowhere = [*COMMAND, "run", "--endpoint", "http://127.0.0.1:9", "--"]
    with drive.processes(tmp_path / "runner", nowhere) as dsn:
        assert drive.drive(dsn, 4, 5) == 20


def test_the_command_line_runs_a_cascade_of_its_own_caller(server: AllInOne, tmp_path: Path) -> None:
    plain = {**os.environ, "PYTHONPATH": str(Path(drive.__file__).parent)}
    stub = [sys.executable, "-m", "small_rvbbit.stub_llm", "--ready-file", str(tmp_path / "llm.json")]
    with drive.started(stub, tmp_path / "llm.json", plain) as llm:
        command = [sys.executable, "-m", "small_rvbbit", "run", "traits/extract_brand.yaml", "--llm", llm["url"]]
        finished = subprocess.run(
            [*instrumented(server), *command, "--input", '{"product_name": "Apple iPhone"}'],
            env=plain,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
    assert json.loads(finished.stdout) == {"brand": "Apple", "valid": True}
    ((caller, rows),) = curl(server, "SELECT caller_id, count() FROM unified_logs GROUP BY caller_id")
    assert (caller.startswith("cli-"), int(rows)) == (True, ROWS_PER_SESSION)


def test_the_demo_ends_by_itself_and_its_json_says_what_it_saw() -> None:
    finished = subprocess.run(
        [*COMMAND, "demo", "--json", "--clients", "3", "--rows", "4"],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    seen = json.loads(finished.stdout)
    crowd = {
        key: seen["crowd"][key] for key in ("sessions", "sessions_stored", "rows_stored", "missing", "wrong", "holds")
    }
    assert crowd == {"sessions": 12, "sessions_stored": 12, "rows_stored": 240, "missing": 0, "wrong": 0, "holds": True}
    assert (seen["unified_logs_rows"], seen["session_state_rows"], seen["cascade_sessions_rows"]) == (60, 3, 3)
    assert (seen["holds"], len(seen["callers"])) == (True, 1)
    assert {audit["audit"]: audit["holds"] for audit in seen["audits"]} == {
        audit.name: True for audit in load_audits() if audit.is_rule
    }
