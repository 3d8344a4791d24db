"""One run of the published RVBBIT through every mode, and what it left in its own tables and in ours.

``python -m tests.runners.runs studio console`` drives these modes alone, with this package and without, and prints the table.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.runners import environment, server, stub, studio, truth, workspace
from tests.runners.modes import EVERY, MODES, WARM_UP, Mode
from tests.runners.server import Answer, Larsql
from tests.runners.truth import Tables, Verdict
from tests.support.all_in_one import AllInOne, running_all_in_one

from rvbbit_otel.storage.client import ClickHouseDatabase

# Its tracking thread was seen to lag by 27 s.
_SETTLE_SECONDS: Final = 120


@dataclass
class Run:
    """errors: what clients of each mode got. tokens: (in, out) of each request to the model. ours: None for a run without this package.

    answers: what the studio told its clients.
    """

    theirs: Tables
    ours: Tables | None
    errors: dict[str, list[str]] = field(default_factory=dict)
    tokens: list[tuple[int, int]] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)


def run(
    folder: Path,
    venv: Path,
    store: AllInOne | None,
    modes: tuple[Mode, ...] = MODES,
    more: dict[str, str] | None = None,
) -> Run:
    """Drive a new workspace in `folder` through the modes; with this package on if there is a store to send to."""
    log = folder / "larsql.log"
    variables = dict(more or {})
    if store is not None:
        variables |= {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{store.otlp_grpc}",
            # The markers are in what users and models wrote.
            "OTEL_PYTHON_RVBBIT_CONTENT": "full",
        }
    on = store is not None
    errors: dict[str, list[str]] = {}
    answers: list[Answer] = []
    with stub.serving() as model:
        larsql = Larsql(venv, workspace.make(folder / "workspace", model.url))
        by_protocol = {
            protocol: [mode for mode in modes if mode.protocol in names] for protocol, names in _PLACES.items()
        }
        # All of them stay until the end, since each writes down late what it did.
        with ExitStack() as open_until_then:
            if by_protocol["server"]:
                served = open_until_then.enter_context(server.serving(larsql, log, on, variables))
                server.ask(served, WARM_UP)
                errors |= {mode.name: server.ask(served, mode) for mode in by_protocol["server"]}
            if by_protocol["http"]:
                served = open_until_then.enter_context(server.serving_http(larsql, log, on, variables))
                errors |= {mode.name: server.ask(served, mode) for mode in by_protocol["http"]}
            if by_protocol["studio"]:
                served = open_until_then.enter_context(studio.serving(larsql, log, on, variables))
                for mode in by_protocol["studio"]:
                    page = mode.protocol == "console"
                    errors[mode.name] = server.ask(studio.console(served), mode) if page else studio.ask(served, mode)
                answers = served.answers
            for mode in by_protocol["cli"]:
                errors[mode.name] = server.ask(larsql, mode, variables, on)
            settle(larsql, store)
        database = ClickHouseDatabase(store.clickhouse) if store is not None else None
        return Run(
            truth.runners_own(larsql.workspace),
            truth.ours(database) if database is not None else None,
            errors,
            list(model.tokens),
            answers,
        )


_PLACES: Final = {
    "server": ("psql", "psycopg"),
    "http": ("http",),
    "studio": ("console", "studio"),
    "cli": ("cli",),
}


def settle(larsql: Larsql, store: AllInOne | None, nobodys: Collection[str] = ()) -> None:
    """Wait until both sides hold the same log rows, and the runner writes no more. A difference that stays is for the tests to show.

    nobodys: sessions that no caller is awaited for.
    """
    deadline = time.monotonic() + _SETTLE_SECONDS
    before: tuple[Counter[str], ...] = ()
    while time.monotonic() < deadline:
        theirs = truth.runners_own(larsql.workspace)
        now = (theirs.rows_by_session(), Counter(row.session_id for row in theirs.cascade_sessions))
        if (
            now == before
            and not theirs.unmarked()
            and (store is None or _is_stored(now[0], truth.ours(ClickHouseDatabase(store.clickhouse)), nobodys))
        ):
            return
        before = now
        time.sleep(1.5)


def _is_stored(logged: Counter[str], ours: Tables, nobodys: Collection[str]) -> bool:
    callers = {row.caller_id for row in ours.session_state if row.session_id not in nobodys}
    return ours.rows_by_session() == logged and callers <= ours.queries.keys()


def table(with_us: Run, without: Run) -> list[str]:
    """The acceptance table: a line a mode."""
    lines = [
        "sessions right/wrong/missing/mixed, and rows without a caller of all rows",
        f"{'mode':<14}{'sessions':<10}{'our tables':<28}{'its own, mended':<28}{'its own, without us':<28}",
    ]
    assert with_us.ours is not None
    ours, plain = with_us.ours.verdicts(), without.theirs.verdicts()
    mended = with_us.theirs.verdicts(with_us.ours.texts())
    for mode in EVERY:
        cells = [_worst(verdicts, mode.name) for verdicts in (ours, mended, plain)]
        if cells[0] != "":
            lines.append(f"{mode.name:<14}{mode.expected:<10}" + "".join(f"{cell:<28}" for cell in cells))
    return lines


def _worst(by_table: dict[str, dict[str, Verdict]], mode: str) -> str:
    """Of the three tables the one that is right least often."""
    found = [verdicts[mode] for verdicts in by_table.values() if mode in verdicts]
    return str(min(found, key=lambda verdict: (verdict.right, -verdict.rows_without, verdict.rows))) if found else ""


def _print_table(names: Sequence[str]) -> None:
    modes = tuple(mode for mode in EVERY if not names or mode.name in names)
    if len(modes) < len(names):
        sys.exit(f"the modes are {', '.join(mode.name for mode in EVERY)}; asked for {', '.join(names)}")
    venv = environment.installed()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        for name in ("with", "without"):
            (folder / name).mkdir()
        with running_all_in_one(folder / "store") as store:
            with_us = run(folder / "with", venv, store, modes)
        print(*table(with_us, run(folder / "without", venv, None, modes)), sep="\n")
    if errors := {name: said for name, said in with_us.errors.items() if said}:
        sys.exit(str(errors))


if __name__ == "__main__":
    _print_table(sys.argv[1:])
