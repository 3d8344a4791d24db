"""The main job, from nothing: a store, an unchanged runner, Postgres clients, and the audits that prove whose every row is."""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rvbbit_otel.errors import RvbbitOtelError
from rvbbit_otel.storage.audits import Finding, load_audits, run_audit
from rvbbit_otel.storage.client import ClickHouseDatabase
from rvbbit_otel.storage.database import Database
from rvbbit_otel.storage.files import read

# The runner in a checkout, else the copy that the wheel has.
CHECKOUT, INSTALLED = Path(__file__).parents[2] / "examples", Path(__file__).parent / "example"
# The three questions of the acceptance, and how many rows each must give for one query over three rows.
QUESTIONS: Mapping[str, range] = {"by-caller": range(1, 2), "sessions": range(3, 4), "cascades": range(3, 4)}
LOG_ROWS = range(50, 61)


@dataclass(frozen=True)
class Crowd:
    """The rows that many concurrent clients left in the store, beside what the runner's own journal says.

    `missing` and `wrong` count rows of the three tables without their caller and with another's; `noted_without_caller` counts the sessions for which
    the unchanged runner itself knew no caller.
    """

    clients: int
    rows_each: int
    sessions: int
    sessions_stored: int
    rows_stored: int
    missing: int
    wrong: int
    noted_without_caller: int
    on_native_threads: int
    seconds: float

    @property
    def holds(self) -> bool:
        """Every session is there, every row has its caller and none another's."""
        return (
            self.sessions == self.sessions_stored == self.clients * self.rows_each
            and not self.missing
            and not self.wrong
        )


@dataclass(frozen=True)
class Demo:
    """All that was seen."""

    brands: Sequence[tuple[str, str]]
    answers: Mapping[str, str]
    log_rows: int
    answer_rows: Mapping[str, int]
    callers: Sequence[str]
    crowd: Crowd
    findings: Sequence[Finding]
    seconds: float

    @property
    def holds(self) -> bool:
        """True if every check of the demo holds."""
        counted = all(self.answer_rows[name] in wanted for name, wanted in QUESTIONS.items())
        return (
            counted
            and self.log_rows in LOG_ROWS
            and len(self.callers) == 1
            and self.crowd.holds
            and all(f.holds for f in self.findings)
        )


def run_demo(tell: Callable[[str], None], clients: int = 16, rows_each: int = 20) -> Demo:
    """Run it in a folder of its own, which is gone afterwards; `tell` gets a line for each step.

    Raises RvbbitOtelError if a part is missing or does not start.
    """
    begin = time.monotonic()
    drive = _drive()
    with tempfile.TemporaryDirectory(prefix="rvbbit-demo-") as name:
        folder = Path(name)
        tell("starting the store: rvbbit-otel up (the first start of the engine on a cold disk takes a few seconds)")
        ports = [word for door in ("otlp-grpc", "otlp-http", "clickhouse") for word in (f"--{door}-port", "0")]
        up = [sys.executable, "-m", "rvbbit_otel", "up", "--data", str(folder / "data"), *ports]
        ready_file = folder / "ready.json"
        with drive.started([*up, "--ready-file", str(ready_file)], ready_file, os.environ) as ready:
            database = ClickHouseDatabase(ready["clickhouse"])
            run = [sys.executable, "-m", "rvbbit_otel", "run", "--endpoint", f"http://{ready['otlp_grpc']}", "--"]
            tell("starting the runner, unchanged: rvbbit-otel run -- python -m small_rvbbit serve")
            with drive.processes(folder / "one", run) as dsn:
                brands = _ask(dsn, drive.ACCEPTANCE_QUERY)
            tell("asking whose the rows are, by ClickHouse's HTTP protocol")
            answers = {question: _curl(ready["clickhouse"], _sql(question)) for question in QUESTIONS}
            answer_rows = {question: len(database.query(_sql(question)).rows) for question in QUESTIONS}
            by_caller = database.query(_sql("by-caller")).rows
            tell(f"{clients} clients at once, {rows_each} rows each")
            crowd = _crowd(drive, database, folder / "many", run, clients, rows_each)
            tell("running every rule")
            findings = [run_audit(database, audit) for audit in load_audits() if audit.is_rule]
            return Demo(
                brands,
                answers,
                sum(_whole(row[1]) for row in by_caller),
                answer_rows,
                [str(row[0]) for row in by_caller],
                crowd,
                findings,
                time.monotonic() - begin,
            )


def _drive() -> Any:
    folder = next((each for each in (CHECKOUT, INSTALLED) if (each / "drive.py").exists()), None)
    if folder is None:
        raise RvbbitOtelError("the demo's runner is in neither the package nor a checkout: install the wheel, or clone")
    sys.path.insert(0, str(folder))
    try:
        return importlib.import_module("drive")
    except ImportError as error:
        raise RvbbitOtelError(f"the demo's runner needs a package: {error}; pip install 'rvbbit-otel[demo]'") from error


def _ask(dsn: str, query: str) -> list[tuple[str, str]]:
    psycopg = importlib.import_module("psycopg")
    with psycopg.connect(dsn, autocommit=True) as connection:
        return [(str(product), str(brand)) for product, brand in connection.execute(query).fetchall()]


def _sql(question: str) -> str:
    return read(f"acceptance/{question}.sql")


def _curl(url: str, query: str) -> str:
    """Return the output of `curl URL --data-binary QUERY`."""
    request = urllib.request.Request(
        url, data=query.encode(), headers={"X-ClickHouse-Format": "PrettyCompactMonoBlock"}
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        return str(response.read().decode())


def _crowd(drive: Any, database: Database, folder: Path, run: Sequence[str], clients: int, rows_each: int) -> Crowd:
    begin = time.monotonic()
    with drive.processes(folder, run) as dsn:
        drive.drive(dsn, clients, rows_each)
    seconds = time.monotonic() - begin
    sessions = drive.truth(folder / "journal.jsonl")
    owners = {session.session_id: session.owner for session in sessions}
    stored: list[tuple[str, str, int]] = []
    rows = _callers(
        database, "SELECT session_id, caller_id, count() FROM unified_logs GROUP BY session_id, caller_id", owners
    )
    stored += rows
    stored += _callers(database, "SELECT session_id, caller_id, 1 FROM session_state", owners)
    stored += _callers(database, "SELECT session_id, caller_id, 1 FROM cascade_sessions", owners)
    return Crowd(
        clients,
        rows_each,
        len(sessions),
        len({session for session, _, _ in rows}),
        sum(count for _, _, count in rows),
        sum(count for _, caller, count in stored if not caller),
        sum(count for session, caller, count in stored if caller and caller != owners[session]),
        sum(session.noted_caller is None for session in sessions),
        sum(session.native_thread for session in sessions),
        seconds,
    )


def _callers(database: Database, query: str, sessions: Iterable[str]) -> list[tuple[str, str, int]]:
    known = set(sessions)
    return [(str(row[0]), str(row[1]), _whole(row[2])) for row in database.query(query).rows if row[0] in known]


def _whole(value: object) -> int:
    return int(str(value))
