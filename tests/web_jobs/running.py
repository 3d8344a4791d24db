"""Programs under `rvbbit-otel run`, whose spans go to a store that all tests share, and what is found there."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.frameworks.running import asked
from tests.support.all_in_one import AllInOne
from tests.web_jobs.environment import FOLDER, ROOT

SECONDS: Final = 200
USERS: Final = [f"user-{number}" for number in range(8)]


class Program:
    """One program's place in the store: what it names its service is its own."""

    def __init__(self, name: str, store: AllInOne, venv: Path, environ: Mapping[str, str]) -> None:
        self.name = name
        self.store = store
        self.venv = venv
        clean = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("OTEL_", "RVBBIT_", "TRACEPARENT", "BAGGAGE"))
        }
        self.environ = {
            **clean,
            "OTEL_SERVICE_NAME": name,
            # Other tests may share the machine: what is slow is not lost.
            "OTEL_PYTHON_RVBBIT_EXIT_PATIENCE": "30",
            "PYTHONPATH": str(ROOT),
            "PATH": f"{venv / 'bin'}{os.pathsep}{clean['PATH']}",
            **environ,
        }

    def command(self, *command: str) -> list[str]:
        run = [str(self.venv / "bin" / "rvbbit-otel"), "run", "--endpoint", f"http://{self.store.otlp_grpc}", "--"]
        return [*run, *command]

    def run(self, *command: str, **environ: str) -> str:
        """Run a command to its end; what it printed."""
        done = subprocess.run(
            self.command(*command),
            env={**self.environ, **environ},
            cwd=FOLDER,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, (done.stdout + done.stderr)[-8000:]
        return done.stdout

    @contextmanager
    def running(self, *command: str, log: Path, **environ: str) -> Iterator[subprocess.Popen[bytes]]:
        """A command that runs until the block is left; its spans are in the store by then."""
        with log.open("wb") as output:
            process = subprocess.Popen(
                self.command(*command),
                env={**self.environ, **environ},
                cwd=FOLDER,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise AssertionError(f"it does not end: {log.read_text()[-4000:]}") from None

    def ask(self, query: str) -> list[dict[str, Any]]:
        """Rows of the store; ``{service}`` stands for this program."""
        return asked(self.store, query.replace("{service}", self.name))

    def marks(self) -> Counter[tuple[str, str]]:
        """Each call to a model as (what its name says, caller): rows of `unified_logs`, with nobody's as ''."""
        rows = self.ask(
            "SELECT name, caller_id, tokens_in FROM unified_logs WHERE service_name = '{service}' AND tokens_in > 0"
        )
        assert {row["tokens_in"] for row in rows} <= {10, "10"}
        return Counter((row["name"], row["caller_id"]) for row in rows)

    def until_marked(self, count: int) -> None:
        """Wait for so many calls to be stored: some servers end by a signal, with what they had queued in the last second."""
        until = time.monotonic() + SECONDS
        while sum(self.marks().values()) < count and time.monotonic() < until:
            time.sleep(0.1)

    def endings(self, name: str) -> Counter[tuple[str, str]]:
        """(caller, status) of the sessions whose cascade is called so."""
        rows = self.ask(
            "SELECT caller_id, status FROM session_state WHERE session_id IN "
            "(SELECT session_id FROM unified_logs WHERE service_name = '{service}') AND cascade_id = '" + name + "'"
        )
        return Counter((row["caller_id"], row["status"]) for row in rows)


def of_each(users: Sequence[str], steps: Sequence[str], times: int = 1) -> Counter[tuple[str, str]]:
    """The marks where each user's step is that user's."""
    return Counter({(f"{user} {step}", user): times for user in users for step in steps})


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def until_it_listens(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        assert process.poll() is None, f"it ended: {log.read_text()[-4000:]}"
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"nothing listens: {log.read_text()[-4000:]}")
