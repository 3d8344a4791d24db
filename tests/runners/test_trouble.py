"""The published RVBBIT with our mending off, with a cascade that fails, and killed in the middle."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest
from tests.runners import runs, server, stub, workspace
from tests.runners.modes import MODES, Mode
from tests.runners.runs import Run
from tests.runners.server import Larsql
from tests.support.all_in_one import AllInOne, running_all_in_one

from rvbbit_otel.storage.client import ClickHouseDatabase

(MAP,) = [mode for mode in MODES if mode.name == "map"]
(FAILING,) = [mode for mode in MODES if mode.name == "failing"]
UNMENDED = tuple(mode for mode in MODES if mode.name in ("pipeline", "cascadetakes", "subcascades"))


@pytest.fixture(scope="module")
def unmended(larsql: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("unmended")
    with running_all_in_one(folder / "store") as store:
        return runs.run(folder, larsql, store, UNMENDED, {"OTEL_PYTHON_RVBBIT_MEND_RUNNER": "false"})


@pytest.mark.parametrize("mode", UNMENDED, ids=lambda mode: mode.name)
def test_our_tables_are_right_whatever_the_runner_believes(unmended: Run, mode: Mode) -> None:
    assert unmended.ours is not None
    for table, verdicts in unmended.ours.verdicts().items():
        assert (table, verdicts[mode.name].exact, verdicts[mode.name].sessions) == (table, True, mode.expected)


def test_switched_off_the_runner_believes_what_it_did_before(unmended: Run) -> None:
    # A pipeline of its own has no caller at all, on whatever thread it runs.
    assert unmended.ours is not None
    assert unmended.theirs.verdicts(unmended.ours.texts())["unified_logs"]["pipeline"].right == 0


def test_a_runner_that_is_killed_leaves_its_query_and_its_running_session(larsql: Path, tmp_path: Path) -> None:
    # The model never answers, so the session is in the middle of its work.
    with running_all_in_one(tmp_path / "store") as store, stub.serving(delay_seconds=600) as model:
        installed = Larsql(larsql, workspace.make(tmp_path / "workspace", model.url))
        more = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{store.otlp_grpc}", "OTEL_PYTHON_RVBBIT_CALLER_SQL": "full"}
        database = ClickHouseDatabase(store.clickhouse)
        with server.serving(installed, tmp_path / "log", True, more) as served:
            ((statement, _),) = MAP.statements(MAP, 0)
            asking = subprocess.Popen(["psql", "--no-psqlrc", served.where, "-c", statement], stderr=subprocess.DEVNULL)
            deadline = time.monotonic() + 180
            while not (rows := database.query("SELECT caller_id, status FROM session_state").rows):
                assert time.monotonic() < deadline
                time.sleep(0.2)
            served.process.kill()
            asking.wait()
        ((caller, status),) = rows
        assert status == "running"
        ((metadata,),) = database.query("SELECT metadata FROM callers WHERE caller_id = {c:String}", {"c": caller}).rows
        assert "#map-00-00" in str(metadata)


def test_a_cascade_that_fails_says_why_and_where(with_us: Run, store: AllInOne) -> None:
    database = ClickHouseDatabase(store.clickhouse)
    assert with_us.errors["failing"] == []
    rows = database.query(
        "SELECT status, error != '' FROM session_state WHERE session_id IN "
        "(SELECT session_id FROM cascade_sessions WHERE cascade_id = 'failing')"
    ).rows
    assert rows == [("error", True)] * FAILING.expected
    ((stack,),) = database.query(
        "SELECT any(arrayElement(Events.Attributes, 1)['exception.stacktrace']) FROM otel_traces "
        "WHERE SpanName = 'cascade failing' AND notEmpty(Events.Name)"
    ).rows
    assert "runner.py" in stack
