"""``rvbbit-otel run``: an unchanged program, instrumented."""

from __future__ import annotations

import os
import signal
import sys
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import click

from rvbbit_otel.cli.options import DEFAULT_DSN
from rvbbit_otel.cli.output import safe, tell

if TYPE_CHECKING:
    from rvbbit_otel.instrumentation.launcher import Ended

# A collector between the program and the store sends its batches so late.
_ARRIVAL_SECONDS: Final = 3.0
_POLL_SECONDS: Final = 0.2


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    epilog="Example: rvbbit-otel run --endpoint http://127.0.0.1:4318 -- python -m my_runner serve",
)
@click.option(
    "--endpoint",
    help="Where OTLP goes: http://host:4318 for HTTP, http://host:4317 for gRPC. [default: OTEL_EXPORTER_OTLP_ENDPOINT, else http://127.0.0.1:4317]",
)
@click.option(
    "--summary/--no-summary",
    default=None,
    help="At its end, one line on standard error: callers, dollars, coverage, what nobody claims, the page. [default: in a terminal]",
)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def run(endpoint: str | None, summary: bool | None, command: tuple[str, ...]) -> None:
    """Run COMMAND with the instrumentation on, its children too; its exit status is passed on.

    Nothing of the program is changed. Every OTEL_* variable works; those that are not set get defaults that suit a runner.
    Without a summary this process becomes the program; with one it waits for it, passes signals on, and asks the store
    that RVBBIT_OTEL_DSN names.
    """
    from rvbbit_otel.instrumentation.launcher import launch, supervise

    if not (sys.stderr.isatty() if summary is None else summary):
        launch(command, endpoint)
    ended = supervise(command, endpoint)
    tell(f"rvbbit-otel: {_summary(ended)}")
    if ended.status < 0:
        # As a shell sees a program that a signal ended.
        if -ended.status != signal.SIGKILL:
            signal.signal(-ended.status, signal.SIG_DFL)
        os.kill(os.getpid(), -ended.status)
    sys.exit(ended.status)


def _summary(ended: Ended) -> str:
    """The line at the end; what keeps the store from answering is in it."""
    from rvbbit_otel.errors import RvbbitOtelError
    from rvbbit_otel.reporting import words
    from rvbbit_otel.storage.client import ClickHouseDatabase
    from rvbbit_otel.storage.files import read

    dsn = os.environ.get("RVBBIT_OTEL_DSN") or DEFAULT_DSN
    asked = {"since": str(int(ended.began)), "run": ended.run_id}
    deadline = time.monotonic() + _ARRIVAL_SECONDS
    try:
        database = ClickHouseDatabase(dsn, connect_seconds=1, answer_seconds=5)
        while True:
            found: dict[str, Any] = database.query(read("accounts/of_run.sql"), asked).dicts()[0]
            if found["rows"] or time.monotonic() > deadline:
                break
            time.sleep(_POLL_SECONDS)
    except RvbbitOtelError as error:
        return f"what this run cost is not known: {safe(error)}"
    if not found["rows"]:
        return f"no row of this run is in the store at {database.address}: rvbbit-otel doctor says which link is broken"
    nobody = found["rows"] - found["attributed"]
    parts = (
        words.plural(found["callers"], "caller"),
        words.plural(found["rows"], "row"),
        words.dollars(found["cost"], found["calls_unpriced"]),
        f"coverage {words.coverage(found['attributed'], found['rows'])}",
        f"unattributed {words.plural(nobody, 'row')}"
        + (f", {words.dollars(found['cost_of_nobody'])}" if nobody else ""),
    )
    page = _page(dsn)
    return ", ".join(parts) + (f"; {page}" if page else "; rvbbit-otel report --last 1h")


def _page(dsn: str) -> str:
    """The address of the store's page, empty if it has none; a login that the DSN has is not in it."""
    parts = urlsplit(dsn)
    if parts.scheme not in ("http", "https"):
        return ""
    address = f"{parts.scheme}://{parts.hostname}:{parts.port or (8443 if parts.scheme == 'https' else 8123)}/page/"
    try:
        with urllib.request.urlopen(address, timeout=1):
            return address
    except urllib.error.HTTPError as error:
        return address if error.code in (401, 403) else ""
    except (OSError, ValueError):
        return ""
