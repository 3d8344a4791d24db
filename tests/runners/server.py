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
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psycopg
from tests.runners.modes import Mode, Statement

# It takes 20 to 45 s on two idle cores.
START_SECONDS: Final = 240
ASK_SECONDS: Final = 900
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
class Answer:
    """What the studio answered to a client that started a run: the session; and what the client had sent: its marker, and a caller or nothing."""

    session_id: str
    client: str
    caller_id: str


@dataclass(frozen=True)
class Served:
    """A server of it that answers: its DSN or URL, its process, and what its clients were answered, where that tells whose a session is."""

    where: str
    process: subprocess.Popen[bytes]
    answers: list[Answer] = field(default_factory=list)


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
    with started(larsql.command(*words, instrumented=instrumented), larsql, log, more) as process:
        dsn = f"host=127.0.0.1 port={port} user=lars dbname=default"
        _wait_until_it_answers(dsn, process, log)
        yield Served(dsn, process)


@contextmanager
def started(
    command: list[str], larsql: Larsql, log: Path, more: Mapping[str, str] | None, stop_seconds: float = 5
) -> Iterator[subprocess.Popen[bytes]]:
    """One of its processes, until the end of the block: told to stop, and killed with its children if it has not within `stop_seconds`."""
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
        _end(process, stop_seconds)


def _wait_until_it_answers(dsn: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with psycopg.connect(dsn, connect_timeout=5, autocommit=True) as connection:
                connection.execute("SELECT 1")
            return
        except psycopg.Error:
            time.sleep(0.2)
    raise RuntimeError(f"larsql does not serve (exit status {process.poll()}):\n{tail(log)}")


def tail(log: Path) -> str:
    """The end of its log."""
    return log.read_text(errors="replace")[-4000:]


def _end(process: subprocess.Popen[bytes], stop_seconds: float) -> None:
    # It often ends by SIGABRT when it is told to stop. Spans that it has not sent by then leave with our exit handlers, or not at all, so the tests
    # wait for the rows before they end it.
    # Its studio gives each server that it starts a process group of its own.
    groups = [*_children(process.pid), process.pid]
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(stop_seconds)
    except subprocess.TimeoutExpired:
        for group in groups:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
        process.wait()


def _children(pid: int) -> list[int]:
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # It has ended in the meantime.
            parent = int(status.read_text().rpartition(")")[2].split()[1])
            if parent == pid:
                found.append(int(status.parent.name))
    return found


@contextmanager
def serving_http(larsql: Larsql, log: Path, instrumented: bool, more: Mapping[str, str] | None = None) -> Iterator[str]:
    """Its HTTP API, until the end of the block; gives the URL. Raises RuntimeError as `serving` does."""
    port = free_port()
    program = [str(larsql.venv / "bin" / "python"), str(Path(__file__).parent / "programs" / "http_api.py"), str(port)]
    launcher = [str(larsql.venv / "bin" / "rvbbit-otel"), "run", "--"] if instrumented else []
    with started([*launcher, *program], larsql, log, more) as process:
        deadline = time.monotonic() + START_SECONDS
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the HTTP API does not serve (exit status {process.poll()}):\n{tail(log)}")
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

    return at_once(mode, one)


def at_once(mode: Mode, one: Callable[[int], str]) -> list[str]:
    """Every client of a mode on a thread of its own; gives what they got as errors."""
    with ThreadPoolExecutor(mode.clients) as pool:
        return [error for error in pool.map(one, range(mode.clients)) if error]


def _by_psql(dsn: str, statements: Sequence[Statement]) -> str:
    text = "; ".join(statement for statement, _ in statements)
    command = ["psql", "--no-psqlrc", "-At", "-v", "ON_ERROR_STOP=1", dsn, "-c", text]
    done = subprocess.run(command, capture_output=True, text=True, timeout=ASK_SECONDS, check=False)
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
        said = asked_by_http(url, {"query": statement, "database": "memory"})
        if not said.get("success"):
            return str(said)
    return ""


def asked_by_http(url: str, body: Mapping[str, object] | None = None) -> dict[str, Any]:
    """The JSON that a URL answers with, to a body or to a GET; an error of the server's as ``{"error": what it said}``."""
    sent = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, sent, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=ASK_SECONDS) as answer:
            said: dict[str, Any] = json.loads(answer.read())
            return said
    except urllib.error.HTTPError as error:
        return {"error": error.read().decode()}


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
            timeout=ASK_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            return done.stdout[-2000:] + done.stderr[-2000:]
    return ""


_ASKING: Final = {"psql": _by_psql, "psycopg": _by_psycopg, "http": _by_http, "console": _by_http}
