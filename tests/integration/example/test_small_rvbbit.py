"""The example runner by itself: it must be right, and free of OpenTelemetry, or it proves nothing."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

import drive


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    with drive.processes(tmp_path) as dsn:
        yield dsn


def test_the_acceptance_query_gives_a_brand_for_every_row(server: str, tmp_path: Path) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        rows = connection.execute(drive.ACCEPTANCE_QUERY).fetchall()
    assert rows == [("Apple iPhone", "Apple"), ("Samsung Galaxy", "Samsung"), ("Sony Headphones", "Sony")]
    events = [json.loads(line) for line in (tmp_path / "journal.jsonl").read_text().splitlines()]
    assert Counter(event["event"] for event in events) == {"caller": 1, "session": 3, "log": 33}


def test_psql_is_served_too(server: str) -> None:
    psql = shutil.which("psql")
    if psql is None:  # psycopg carries libpq, so the protocol is covered by the other tests where there is no psql.
        return
    finished = subprocess.run(
        [psql, server, "-AtX", "-c", drive.ACCEPTANCE_QUERY], capture_output=True, text=True, check=True, timeout=60
    )
    assert finished.stdout.splitlines() == ["Apple iPhone|Apple", "Samsung Galaxy|Samsung", "Sony Headphones|Sony"]


def test_sixteen_clients_at_once_run_on_native_threads_whose_caller_the_runner_does_not_know(
    server: str, tmp_path: Path
) -> None:
    assert drive.drive(server, 16, 20) == 320
    sessions = drive.truth(tmp_path / "journal.jsonl")
    assert len({session.session_id for session in sessions}) == 320
    assert len({session.owner for session in sessions}) == 16
    native = [session for session in sessions if session.native_thread]
    assert native
    assert {session.noted_caller for session in native} == {None}


def test_a_sub_cascade_runs_in_a_session_under_its_parents(server: str, tmp_path: Path) -> None:
    assert drive.drive(server, 2, 3, cascade="traits/nested.yaml", extended=True) == 6
    sessions = drive.truth(tmp_path / "journal.jsonl")
    parents = {session.session_id for session in sessions if session.parent_session_id is None}
    assert len(sessions) == 12
    assert {session.parent_session_id for session in sessions if session.parent_session_id} == parents


def test_a_failing_cell_reaches_the_client_and_the_server_lives_on(server: str) -> None:
    with pytest.raises(psycopg.Error, match="the tool is out of order for Apple iPhone #c00r00"):
        drive.drive(server, 1, 1, cascade="traits/failing.yaml")
    assert drive.drive(server, 1, 2) == 2


@pytest.mark.parametrize(
    ("query", "state"), [("SELEC 1", "42601"), ("SELECT * FROM nowhere", "42P01"), ("RVBBIT MAP nothing", "42601")]
)
def test_a_query_that_fails_is_an_error_with_its_state_and_the_connection_stays(
    server: str, query: str, state: str
) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        with pytest.raises(psycopg.Error) as raised:
            connection.execute(query)
        assert raised.value.sqlstate == state
        assert connection.execute("SELECT 1 + %s, %s, NULL, true", (41, "ä")).fetchall() == [(42, "ä", None, True)]


def test_no_module_of_opentelemetry_is_loaded_by_the_runner() -> None:
    code = "import sys, small_rvbbit.server, small_rvbbit.runner; print([m for m in sys.modules if 'opentelemetry' in m or 'rvbbit_otel' in m])"
    finished = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(Path(drive.__file__).parent)},
    )
    assert finished.stdout.strip() == "[]"
