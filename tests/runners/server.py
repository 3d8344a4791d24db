"""The published RVBBIT's own server, as a process of its own, with our package and without."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg
from tests.runners.modes import Mode, Statement

# It takes 20 to 45 s on two idle cores.
_START_SECONDS: Final = 240
_ASK_SECONDS: Final = 900
_QUIET: Final = {
    "LARS_AUTH_ENABLED": "0",
    "LARS_NO_SPLASH": "1",
    "LARS_DISABLE_ANALYTICS": "1",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
}


@dataclass(frozen=True)
class Larsql:
    """An installed larsql: the folder of its virtual environment, and a workspace."""

    venv: Path
    workspace: Path

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """The environment of every process of it."""
        plain = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "PYTHON"))}
        return {
            **plain,
            **_QUIET,
            "LARS_ROOT": str(self.workspace),
            # Where DuckDB finds its SQLite extension: it would try to download it at each connection otherwise, for half a second.
            "HOME": str(self.venv / "home"),
            **(more or {}),
        }

    def command(self, *words: str, instrumented: bool) -> list[str]:
        """Its command line, alone or behind our launcher."""
        plain = [str(self.venv / "bin" / "lars"), *words]
        return [str(self.venv / "bin" / "rvbbit-otel"), "run", "--", *plain] if instrumented else plain


@dataclass(frozen=True)
class Served:
    """A server of it that answers: its DSN or URL, and its process."""

    where: str
    process: subprocess.Popen[bytes]


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(larsql: Larsql, log: Path, instrumented: bool, more: Mapping[str, str] | None = None) -> Iterator[Served]:
    """Its Postgres server, until the end of the block. Raises RuntimeError, with its log, if it does not come up."""
    port = free_port()
    words = ("sql", "server", "--host", "127.0.0.1", "--port", str(port), "-w", "8")
    with _started(larsql.command(*words, instrumented=instrumented), larsql, log, more) as process:
        dsn = f"host=127.0.0.1 port={port} user=lars dbname=default"
        _wait_until_it_answers(dsn, process, log)
        yield Served(dsn, process)


@contextmanager
def _started(
    command: list[str], larsql: Larsql, log: Path, more: Mapping[str, str] | None
) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=larsql.workspace,
            env=larsql.environment(more),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        _end(process)


def _wait_until_it_answers(dsn: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with psycopg.connect(dsn, connect_timeout=5, autocommit=True) as connection:
                connection.execute("SELECT 1")
            return
        except psycopg.Error:
            time.sleep(0.2)
    raise RuntimeError(f"larsql does not serve (exit status {process.poll()}):\n{_tail(log)}")


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-4000:]


def _end(process: subprocess.Popen[bytes]) -> None:
    # It often ends by SIGABRT when it is told to stop. Spans that it has not sent by then leave with our exit handlers, or not at all, so the tests
    # wait for the rows before they end it.
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def serving_http(larsql: Larsql, log: Path, instrumented: bool, more: Mapping[str, str] | None = None) -> Iterator[str]:
    """Its HTTP API, until the end of the block; gives the URL. Raises RuntimeError as `serving` does."""
    port = free_port()
    program = [str(larsql.venv / "bin" / "python"), str(Path(__file__).parent / "programs" / "http_api.py"), str(port)]
    launcher = [str(larsql.venv / "bin" / "rvbbit-otel"), "run", "--"] if instrumented else []
    with _started([*launcher, *program], larsql, log, more) as process:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the HTTP API does not serve (exit status {process.poll()}):\n{_tail(log)}")
            time.sleep(0.2)
        yield Served(f"http://127.0.0.1:{port}/api/sql/execute", process)


def ask(
    where: Served | Larsql, mode: Mode, more: Mapping[str, str] | None = None, instrumented: bool = False
) -> list[str]:
    """Every client of a mode at once; gives what clients got as errors, none if all went well.

    where: a server for psql, psycopg and HTTP, the installation for its command line.
    """

    def one(client: int) -> str:
        statements = mode.statements(mode, client)
        if isinstance(where, Larsql):
            return _by_command(where, statements, instrumented, more)
        return _ASKING[mode.protocol](where.where, statements)

    with ThreadPoolExecutor(mode.clients) as pool:
        return [error for error in pool.map(one, range(mode.clients)) if error]


def _by_psql(dsn: str, statements: Sequence[Statement]) -> str:
    text = "; ".join(statement for statement, _ in statements)
    command = ["psql", "--no-psqlrc", "-At", "-v", "ON_ERROR_STOP=1", dsn, "-c", text]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_ASK_SECONDS, check=False)
    return "" if done.returncode == 0 else done.stderr


def _by_psycopg(dsn: str, statements: Sequence[Statement]) -> str:
    try:
        with psycopg.connect(dsn, autocommit=True) as connection:
            for statement, bound in statements:
                connection.execute(statement, bound).fetchall()
    except psycopg.Error as error:
        return str(error)
    return ""


def _by_http(url: str, statements: Sequence[Statement]) -> str:
    for statement, _ in statements:
        body = json.dumps({"query": statement, "database": "memory"}).encode()
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=_ASK_SECONDS) as answer:
                said = json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.read().decode()
        if not said.get("success"):
            return str(said)
    return ""


def _by_command(
    larsql: Larsql, statements: Sequence[Statement], instrumented: bool, more: Mapping[str, str] | None
) -> str:
    for cascade, (product,) in statements:
        words = ("run", cascade, "--input", json.dumps({"product_name": product}))
        done = subprocess.run(
            larsql.command(*words, instrumented=instrumented),
            cwd=larsql.workspace,
            env=larsql.environment(more),
            capture_output=True,
            text=True,
            timeout=_ASK_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            return done.stdout[-2000:] + done.stderr[-2000:]
    return ""


_ASKING: Final = {"psql": _by_psql, "psycopg": _by_psycopg, "http": _by_http}
