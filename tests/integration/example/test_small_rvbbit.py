"""The example runner by itself: it must be right, and free of OpenTelemetry, or it proves nothing."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

import drive

ENVIRON = {**os.environ, "PYTHONPATH": str(Path(drive.__file__).parent)}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    with drive.processes(tmp_path) as dsn:
        yield dsn


def events(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]


def counts(folder: Path) -> Counter[str]:
    return Counter(event["event"] for event in events(folder))


def until_a_session_runs(folder: Path) -> None:
    deadline = time.monotonic() + 30
    while counts(folder)["session"] == 0:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_the_acceptance_query_gives_a_brand_for_every_row(server: str, tmp_path: Path) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        rows = connection.execute(drive.ACCEPTANCE_QUERY).fetchall()
    assert rows == [("Apple iPhone", "Apple"), ("Samsung Galaxy", "Samsung"), ("Sony Headphones", "Sony")]
    assert counts(tmp_path) == {"caller": 1, "session": 3, "log": 33}


@pytest.mark.parametrize("protocol", ["simple", "extended"])
def test_eight_clients_of_ten_rows_run_on_both_kinds_of_thread_and_only_their_own_knows_the_caller(
    server: str, tmp_path: Path, protocol: str
) -> None:
    assert drive.drive(server, 8, 10, extended=protocol == "extended") == 80
    assert counts(tmp_path) == {"caller": 8, "session": 80, "log": 880}
    assert {event["protocol"] for event in events(tmp_path) if event["event"] == "caller"} == {protocol}
    sessions = drive.truth(tmp_path / "journal.jsonl")
    assert Counter(session.client for session in sessions) == dict.fromkeys(range(8), 10)
    assert len({(session.client, session.owner) for session in sessions}) == 8
    native = [session for session in sessions if session.native_thread]
    assert 0 < len(native) < 80
    assert {session.noted_caller for session in native} == {None}
    assert [
        session for session in sessions if not session.native_thread and session.noted_caller != session.owner
    ] == []


def test_sixteen_clients_at_once_get_their_own_rows_and_a_second_crowd_too(server: str, tmp_path: Path) -> None:
    assert drive.drive(server, 16, 20) == 320
    assert drive.drive(server, 4, 1, first=16, extended=True) == 4
    sessions = drive.truth(tmp_path / "journal.jsonl")
    assert len({session.session_id for session in sessions}) == 324
    assert len({session.owner for session in sessions}) == 20


def test_a_sub_cascade_runs_in_a_session_under_its_parents(server: str, tmp_path: Path) -> None:
    assert drive.drive(server, 2, 3, cascade=drive.NESTED, extended=True) == 6
    sessions = drive.truth(tmp_path / "journal.jsonl")
    owners = {session.session_id: session.owner for session in sessions}
    children = [session for session in sessions if session.parent_session_id is not None]
    assert (len(owners), len(children), len({session.parent_session_id for session in children})) == (12, 6, 6)
    assert [session for session in children if owners[str(session.parent_session_id)] != session.owner] == []
    assert counts(tmp_path) == {"caller": 2, "session": 12, "log": 6 * (5 + 11)}


def test_each_client_sees_the_error_of_its_own_failing_cell_and_the_server_lives_on(
    server: str, tmp_path: Path
) -> None:
    answers = drive.ask(server, 4, 1, cascade=drive.FAILING)
    assert [
        str(answer.client)
        for answer in answers
        if f"out of order for Apple iPhone #c{answer.client:02}r00" in str(answer.error)
    ] == [*"0123"]
    assert counts(tmp_path) == {"caller": 4, "session": 4, "log": 4 * 8}
    with pytest.raises(psycopg.Error, match="the tool is out of order for Apple iPhone #c04r00"):
        drive.drive(server, 1, 1, cascade=drive.FAILING, first=4)
    assert drive.drive(server, 1, 2, first=5) == 2


def psql(server: str, *arguments: str) -> subprocess.CompletedProcess[str] | None:
    """None where there is no psql: psycopg carries libpq, so the protocol is covered by the other tests there."""
    command = shutil.which("psql")
    if command is None:
        return None
    return subprocess.run([command, server, "-AtX", *arguments], capture_output=True, text=True, timeout=60)


def test_psql_gets_rows_tags_and_several_statements_at_once(server: str) -> None:
    asked = psql(server, "-c", drive.ACCEPTANCE_QUERY)
    made = psql(
        server,
        "-c",
        "CREATE TABLE t(a INTEGER); INSERT INTO t VALUES (1), (2); UPDATE t SET a = a + 1; SELECT * FROM t /* all */; -- end",
    )
    if asked and made:
        assert (asked.stdout.splitlines(), asked.stderr) == (
            ["Apple iPhone|Apple", "Samsung Galaxy|Samsung", "Sony Headphones|Sony"],
            "",
        )
        assert (made.stdout.splitlines(), made.stderr) == (["CREATE", "INSERT 0 2", "UPDATE 2", "2", "3"], "")


def test_psql_is_told_what_failed_and_carries_on(server: str) -> None:
    finished = psql(server, "-c", drive.map_query(["'Apple iPhone'"], drive.FAILING), "-c", "SELECT 'still here'")
    if finished:
        assert (finished.returncode, finished.stdout.strip()) == (0, "still here")
        assert "the tool is out of order for Apple iPhone" in finished.stderr


@pytest.mark.parametrize(
    ("query", "state"), [("SELEC 1", "42601"), ("SELECT * FROM nowhere", "42P01"), ("RVBBIT MAP nothing", "42601")]
)
@pytest.mark.parametrize("parameters", [None, ()], ids=["simple", "extended"])
def test_a_query_that_fails_is_an_error_with_its_state_and_the_connection_stays(
    server: str, query: str, state: str, parameters: tuple[()] | None
) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        with pytest.raises(psycopg.Error) as raised:
            connection.execute(query, parameters)
        assert raised.value.sqlstate == state
        assert connection.execute("SELECT 1 + %s, %s, NULL, true", (41, "ä")).fetchall() == [(42, "ä", None, True)]


def test_values_of_every_common_type_come_back_as_they_are(server: str) -> None:
    given = (True, 2**40, 7, 2.5, "it's", None)
    with psycopg.connect(server, autocommit=True) as connection:
        assert connection.execute("SELECT %s, %s, %s, %s, %s, %s", given).fetchone() == given
        row = connection.execute(
            "SELECT 1.50, DATE '2026-11-24', TIMESTAMP '2026-11-24 01:02:03', 'ab'::BLOB, sum(1)"
        ).fetchone()
        assert row is not None
        assert [str(value) for value in row] == ["1.50", "2026-11-24", "2026-11-24 01:02:03", "b'ab'", "1"]


def test_a_statement_that_is_prepared_runs_again_and_again_for_a_caller_each(server: str, tmp_path: Path) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        got = [connection.execute("SELECT %s + 1", (n,), prepare=True).fetchall() for n in range(10)]
    assert got == [[(n + 1,)] for n in range(10)]
    assert counts(tmp_path) == {"caller": 10}


def test_a_transaction_is_one_for_the_client_too(server: str) -> None:
    with psycopg.connect(server) as connection:
        connection.execute("CREATE TABLE t AS SELECT 1 AS a")
        connection.commit()
        connection.execute("INSERT INTO t VALUES (2)")
        connection.execute("INSERT INTO t VALUES (3)")
        assert connection.info.transaction_status.name == "INTRANS"
        with pytest.raises(psycopg.Error):
            connection.execute("SELECT * FROM nowhere")
        assert connection.info.transaction_status.name == "INERROR"
        connection.rollback()
        assert connection.execute("SELECT a FROM t").fetchall() == [(1,)]


def test_binary_results_are_refused_by_an_error_that_says_so(server: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection, connection.cursor(binary=True) as cursor:
        with pytest.raises(psycopg.errors.FeatureNotSupported, match="binary results are not served; ask for text"):
            cursor.execute("SELECT 1")
        assert connection.execute("SELECT 1").fetchall() == [(1,)]


def test_sigterm_lets_the_queries_end_that_run_and_the_server_ends_with_exit_status_0(tmp_path: Path) -> None:
    with (
        ThreadPoolExecutor(1) as pool,
        drive.processes(tmp_path, delay_ms=20) as dsn,
        psycopg.connect(dsn, autocommit=True) as idle,
    ):
        assert idle.execute("SELECT 1").fetchall() == [(1,)]
        running = pool.submit(drive.drive, dsn, 1, 40)
        until_a_session_runs(tmp_path)
        os.kill(json.loads((tmp_path / "server.json").read_text())["pid"], signal.SIGTERM)
        assert running.result() == 40
    # `processes` raises if either ended with another exit status than 0.
    assert counts(tmp_path) == {"caller": 2, "session": 40, "log": 440}


def test_a_client_that_vanishes_in_the_middle_of_its_query_harms_nobody(server: str, tmp_path: Path) -> None:
    connection = psycopg.connect(server, autocommit=True)
    connection.pgconn.send_query(drive.map_query([f"'{name}'" for name in drive.products(7, 8)]).encode())
    until_a_session_runs(tmp_path)
    connection.close()
    assert drive.drive(server, 2, 2) == 4


def test_a_command_that_never_becomes_ready_or_ends_badly_is_an_error_that_names_it(tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    early = [sys.executable, "-c", "raise SystemExit(3)"]
    ready.write_text("{}")  # Left by a run before this one.
    with (
        pytest.raises(RuntimeError, match=r"did not become ready \(exit status 3\)"),
        drive.started(early, ready, ENVIRON),
    ):
        raise AssertionError("it never was")
    code = "import pathlib, signal, sys; pathlib.Path(sys.argv[1]).write_text('{}'); signal.pause()"
    late = [sys.executable, "-c", code, str(ready)]
    with pytest.raises(RuntimeError, match="ended with exit status -15, not 0"), drive.started(late, ready, ENVIRON):
        assert ready.exists()


def test_one_cascade_runs_from_the_command_line_for_a_caller_of_its_own(tmp_path: Path) -> None:
    stub = [sys.executable, "-m", "small_rvbbit.stub_llm", "--ready-file", str(tmp_path / "llm.json")]
    with drive.started(stub, tmp_path / "llm.json", ENVIRON) as llm:
        run = [
            sys.executable,
            "-m",
            "small_rvbbit",
            "run",
            drive.EXTRACT,
            "--input",
            '{"product_name": "Sony Headphones"}',
        ]
        finished = subprocess.run(
            [*run, "--llm", llm["url"], "--journal", "journal.jsonl"],
            cwd=tmp_path,
            env=ENVIRON,
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert (finished.returncode, json.loads(finished.stdout), finished.stderr) == (
        0,
        {"brand": "Sony", "valid": True},
        "",
    )
    (caller,) = [event for event in events(tmp_path) if event["event"] == "caller"]
    (session,) = [event for event in events(tmp_path) if event["event"] == "session"]
    assert (caller["caller_id"], caller["caller_id"][:4]) == (session["caller_id"], "cli-")


@pytest.mark.parametrize(
    "command", [["small_rvbbit"], ["small_rvbbit", "serve"], ["small_rvbbit", "run"], ["small_rvbbit.stub_llm"]]
)
def test_every_command_explains_itself(command: list[str]) -> None:
    finished = subprocess.run(
        [sys.executable, "-m", *command, "--help"], env=ENVIRON, capture_output=True, text=True, check=True, timeout=60
    )
    assert finished.stdout.startswith("usage: python -m small_rvbbit")


def test_no_module_of_opentelemetry_is_loaded_by_a_runner_that_ran_a_cascade(tmp_path: Path) -> None:
    code = (
        "import sys; from small_rvbbit import server, stub_llm, __main__ as main;"
        f" sys.argv = ['small_rvbbit', 'run', {drive.EXTRACT!r}, '--input', '{{\"product_name\": \"Bose\"}}', '--llm', sys.argv[1]]; main.main();"
        " print([name for name in sys.modules if 'opentelemetry' in name or 'rvbbit_otel' in name])"
    )
    stub = [sys.executable, "-m", "small_rvbbit.stub_llm", "--ready-file", str(tmp_path / "llm.json")]
    with drive.started(stub, tmp_path / "llm.json", ENVIRON) as llm:
        finished = subprocess.run(
            [sys.executable, "-c", code, llm["url"]],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
            env={"PYTHONPATH": ENVIRON["PYTHONPATH"]},
        )
    assert finished.stdout.splitlines() == ['{"brand": "Bose", "valid": true}', "[]"]
