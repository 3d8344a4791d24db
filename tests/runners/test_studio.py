"""The studio of the published RVBBIT, started by its own command: whom its runs are credited to, and that nobody's are nobody's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.runners import runs, server, stub, studio, truth, workspace
from tests.runners.modes import CONSOLE, FULL, STUDIO, Mode
from tests.runners.runs import Run
from tests.runners.server import Larsql
from tests.support.all_in_one import AllInOne, running_all_in_one

from rvbbit_otel.storage import audits
from rvbbit_otel.storage.client import ClickHouseDatabase

# One client is enough to be the newest. The same text a second time would be answered from its cache.
FIRST = replace(CONSOLE, name="first", few=1, many=1)
AGAIN = replace(FIRST, name="again")
TABLES = ("unified_logs", "session_state", "cascade_sessions")


@pytest.fixture(scope="module")
def studio_run(
    larsql: Path, store: AllInOne, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Run:
    """The studio's part of the run of all modes; in the bounded form a run of its own."""
    if FULL:
        run: Run = request.getfixturevalue("with_us")
        return run
    return runs.run(tmp_path_factory.mktemp("studio"), larsql, store, (CONSOLE, STUDIO))


@pytest.mark.parametrize("mode", [CONSOLE, STUDIO], ids=lambda mode: mode.name)
def test_every_session_of_its_pages_is_the_callers_in_our_tables_and_in_its_own(studio_run: Run, mode: Mode) -> None:
    assert studio_run.errors[mode.name] == []
    assert studio_run.ours is not None
    for tables, names in ((studio_run.ours, TABLES), (studio_run.theirs, TABLES[:2])):
        for table in names:
            verdict = tables.verdicts(studio_run.ours.texts())[table][mode.name]
            assert (table, verdict.exact, verdict.sessions) == (table, True, mode.expected)


def test_a_run_has_the_caller_that_its_client_named_and_else_one_that_the_studio_made_for_it_alone(
    studio_run: Run, store: AllInOne
) -> None:
    answers = studio_run.answers
    assert len(answers) == STUDIO.clients * STUDIO.rows
    assert studio_run.ours is not None
    texts = studio_run.ours.texts()
    assert [truth.markers(texts[answer.session_id]) for answer in answers] == [{answer.client} for answer in answers]
    ours = {row.session_id: row.caller_id for row in studio_run.ours.cascade_sessions}
    theirs = {row.session_id: row.caller_id for row in studio_run.theirs.session_state}
    named = {answer.session_id: answer.caller_id for answer in answers if answer.caller_id}
    unnamed = {answer.session_id for answer in answers if not answer.caller_id}
    assert {session: ours[session] for session in named} == named
    made = {ours[session] for session in unnamed}
    assert (len(made), {caller[:3] for caller in made}) == (len(unnamed), {"ui-"})
    assert {session: ours[session] for session in named.keys() | unnamed} == {
        session: theirs[session] for session in named.keys() | unnamed
    }
    origins = ClickHouseDatabase(store.clickhouse).query(
        "SELECT origin, count() FROM callers WHERE caller_id IN {callers:Array(String)} GROUP BY origin",
        {"callers": [*made, *named.values()]},
    )
    assert origins.rows == [("ui", len(answers))]


def test_a_page_that_names_nobody_is_not_credited_to_whoever_asks_beside_it(larsql: Path, tmp_path: Path) -> None:
    """Its notebooks start a cascade without a caller, and the runner alone then takes the newest SQL query of the machine for it."""
    with running_all_in_one(tmp_path / "store") as store, stub.serving() as model:
        installed = Larsql(larsql, workspace.make(tmp_path / "workspace", model.url))
        more = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{store.otlp_grpc}", "OTEL_PYTHON_RVBBIT_CONTENT": "full"}
        with studio.serving(installed, tmp_path / "log", True, more) as served:
            notebook = workspace.CASCADES["extract_brand"]
            assert server.ask(studio.console(served), FIRST) == []
            sessions = [studio.run_notebook(served, notebook, f"Apple iPhone #notebook-00-{row:02}") for row in (0, 1)]
            assert server.ask(studio.console(served), AGAIN) == []
            sessions.append(studio.run_notebook(served, notebook, "Apple iPhone #notebook-00-02"))
            runs.settle(installed, store, sessions)
        database = ClickHouseDatabase(store.clickhouse)
        ours, theirs = truth.ours(database), truth.runners_own(installed.workspace)
        (rule,) = [audit for audit in audits.load_audits() if audit.name == "rows-without-caller"]
        found = audits.run_audit(database, rule).rows
    # Its cascade_sessions lag behind.
    for tables, names in ((ours, TABLES), (theirs, TABLES[:2])):
        for table in names:
            callers = {row.session_id: row.caller_id for row in getattr(tables, table)}
            assert len(callers) == len(sessions) + FIRST.expected + AGAIN.expected, table
            assert {session: callers[session] for session in sessions} == dict.fromkeys(sessions, ""), table
            verdicts = tables.verdicts(ours.texts())[table]
            for mode in (FIRST, AGAIN):
                assert (verdicts[mode.name].exact, verdicts[mode.name].sessions) == (True, mode.expected), table
    # Nobody's, but not unseen.
    assert sorted(str(row[0]) for row in found) == sorted(sessions)
