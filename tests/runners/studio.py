"""The published RVBBIT's studio, as its command starts it: workers of gunicorn, and a Postgres server that its SQL page asks."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import yaml
from tests.runners import server
from tests.runners.modes import Mode
from tests.runners.server import Answer, Larsql, Served

# It stops its workers, then its Postgres server, and waits for each.
_STOP_SECONDS: Final = 90
# Its command has no option for the port of the Postgres server that it starts; one that is there it uses, whosever it is.
_SQL_PORT: Final = 15432
_OVER: Final = ("completed", "error", "cancelled")


@contextmanager
def serving(larsql: Larsql, log: Path, instrumented: bool, more: Mapping[str, str] | None = None) -> Iterator[Served]:
    """Two workers of it, until the end of the block; `where` is the URL. Raises RuntimeError, with its log, if it does not come up."""
    _wait_for_the_sql_port()
    port = server.free_port()
    words = ("serve", "studio", "--host", "127.0.0.1", "--port", str(port), "--workers", "2")
    with server.started(larsql.command(*words, instrumented=instrumented), larsql, log, more, _STOP_SECONDS) as process:
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + server.START_SECONDS
        while not _answers(url):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the studio does not serve (exit status {process.poll()}):\n{server.tail(log)}")
            time.sleep(0.2)
        yield Served(url, process)


def console(studio: Served) -> Served:
    """Its SQL page."""
    return replace(studio, where=f"{studio.where}/api/sql/execute")


def _answers(url: str) -> bool:
    try:
        return "sessions" in server.asked_by_http(f"{url}/api/sessions?limit=1")
    except OSError:
        return False


def _wait_for_the_sql_port() -> None:
    deadline = time.monotonic() + server.START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", _SQL_PORT), 1).close()
        except OSError:
            return
        if time.monotonic() > deadline:
            raise RuntimeError(
                f"port {_SQL_PORT} is in use, so the studio would hand its SQL to whoever that is; end it and try again"
            )
        time.sleep(1)


def ask(studio: Served, mode: Mode) -> list[str]:
    """Every client of a mode at once, each until its runs have ended; gives what clients got as errors. The answers are kept with the server."""

    def one(client: int) -> str:
        marker = f"{mode.name}-{client:02}"
        for cascade, (product, caller, waits) in mode.statements(mode, client):
            body: dict[str, object] = {
                "cascade_path": cascade,
                "inputs": {"product_name": product},
                # What a page sends with a run, and the studio keeps with its caller.
                "metadata": {"asked": f"#{marker}"},
                "source": "playground",
                "sync": bool(waits),
            }
            said = server.asked_by_http(
                f"{studio.where}/api/run-cascade", body | ({"caller_id": caller} if caller else {})
            )
            if not said.get("success"):
                return str(said)
            studio.answers.append(Answer(said["session_id"], marker, caller))
        mine = [answer.session_id for answer in studio.answers if answer.client == marker]
        return next((error for session in mine if (error := _until_over(studio.where, session))), "")

    return server.at_once(mode, one)


def run_notebook(studio: Served, cascade: str, product: str) -> str:
    """Run a cascade, as YAML, by its notebook page, which names no caller and has no field for one; gives the session when it has ended."""
    body = {"notebook": yaml.safe_load(cascade), "inputs": {"product_name": product}}
    said = server.asked_by_http(f"{studio.where}/api/studio/run", body)
    if "session_id" not in said:
        raise RuntimeError(f"the studio did not run the notebook: {said}")
    return str(said["session_id"])


def _until_over(url: str, session: str) -> str:
    deadline = time.monotonic() + server.ASK_SECONDS
    while True:
        said = server.asked_by_http(f"{url}/api/sessions/{session}")
        if said.get("status") in _OVER:
            return "" if said["status"] == "completed" else str(said)
        if time.monotonic() > deadline:
            return f"the studio's session {session} does not end: {said}"
        time.sleep(0.5)
