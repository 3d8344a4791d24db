"""The line at the end of a run: what it cost, or why that is not known; the program's status, signals and output are its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from rvbbit_otel.testing import Store, running_store

PROGRAM = """
import sys
from opentelemetry import trace
from rvbbit_otel import called_by
tracer = trace.get_tracer("t")
with called_by("web-1"):
    tracer.start_span("chat", attributes={"gen_ai.operation.name": "chat", "gen_ai.usage.cost": 0.25,
        "gen_ai.usage.input_tokens": 10, "gen_ai.request.model": "m", "gen_ai.conversation.id": "s"}).end()
tracer.start_span("lost", attributes={"session.id": "x"}).end()
print("done")
sys.exit(3)
"""
RUN = [sys.executable, "-m", "rvbbit_otel", "run"]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with running_store(tmp_path_factory.mktemp("summary")) as running:
        yield running


def run(store: Store, *arguments: str, dsn: str = "") -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "RVBBIT_"))}
    environ = {**clean, **store.environment, "RVBBIT_OTEL_DSN": dsn or store.dsn}
    return subprocess.run([*RUN, *arguments], env=environ, capture_output=True, text=True, check=False)


def test_the_line_has_the_runs_own_rows_only(store: Store) -> None:
    for _ in range(2):  # The second knows nothing of the first one's rows.
        done = run(store, "--summary", "--", sys.executable, "-c", PROGRAM)
        assert (done.returncode, done.stdout) == (3, "done\n")
        assert done.stderr.splitlines()[-1] == (
            "rvbbit-otel: 1 caller, 4 rows, $0.25, coverage 75.00 %, unattributed 1 row, $0.00; " + store.dsn + "/page/"
        )


def test_without_a_terminal_there_is_no_line_unless_it_is_asked_for(store: Store) -> None:
    done = run(store, "--", sys.executable, "-c", "pass")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_run_without_rows_and_a_store_that_does_not_answer_are_said(store: Store) -> None:
    done = run(store, "--summary", "--", sys.executable, "-c", "pass")
    assert re.search(r"no row of this run is in the store at 127\.0\.0\.1:\d+: rvbbit-otel doctor", done.stderr)
    away = run(store, "--summary", "--", sys.executable, "-c", "pass", dsn="http://127.0.0.1:9")
    assert (away.returncode, "what this run cost is not known: no store answers at 127.0.0.1:9" in away.stderr) == (
        0,
        True,
    )


def test_a_signal_is_passed_on_and_its_end_is_seen_as_the_programs(store: Store) -> None:
    caught = (
        "import signal, sys, time\nsignal.signal(15, lambda *_: sys.exit(7))\nprint('up', flush=True)\ntime.sleep(60)"
    )
    killed = "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"
    environ = {**os.environ, **store.environment, "RVBBIT_OTEL_DSN": store.dsn}
    command = [*RUN, "--summary", "--", sys.executable, "-c", caught]
    with subprocess.Popen(
        command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as running:
        assert running.stdout is not None and running.stdout.readline() == "up\n"
        running.send_signal(signal.SIGTERM)
    assert running.returncode == 7
    assert run(store, "--summary", "--", sys.executable, "-c", killed).returncode == -signal.SIGKILL
