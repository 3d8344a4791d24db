"""Every part of the all-in-one at work, and ended so that nothing acknowledged is lost."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import Callable, Iterator, Mapping

import uvicorn

from rvbbit_otel.all_in_one.endpoints.clickhouse_http import ClickHouseHttp
from rvbbit_otel.all_in_one.endpoints.otlp import OtlpDoor
from rvbbit_otel.all_in_one.endpoints.otlp_grpc import serve_grpc
from rvbbit_otel.all_in_one.endpoints.otlp_http import make_app
from rvbbit_otel.all_in_one.engine.engine import Engine
from rvbbit_otel.all_in_one.engine.folder import usable
from rvbbit_otel.all_in_one.engine.parts import PartCheck
from rvbbit_otel.all_in_one.http.access_log import AccessLog, logged
from rvbbit_otel.all_in_one.http.asgi import App
from rvbbit_otel.all_in_one.http.bodies import Budget
from rvbbit_otel.all_in_one.http.connections import Connection
from rvbbit_otel.all_in_one.http.guard import Names, guarded
from rvbbit_otel.all_in_one.http.login import Login
from rvbbit_otel.all_in_one.http.told import Told
from rvbbit_otel.all_in_one.ingest.checkpoints import Checkpoints
from rvbbit_otel.all_in_one.ingest.ingest import Ingest
from rvbbit_otel.all_in_one.ingest.pricing import Pricing
from rvbbit_otel.all_in_one.ingest.quarantine import Quarantine
from rvbbit_otel.all_in_one.ingest.quarantine_table import QuarantineTable
from rvbbit_otel.all_in_one.ingest.storing import Storing
from rvbbit_otel.all_in_one.journal import Journal
from rvbbit_otel.all_in_one.options import Options
from rvbbit_otel.all_in_one.page import LazyPage, SqlListener, beside
from rvbbit_otel.all_in_one.tokens import READ, WRITE, Tokens
from rvbbit_otel.counters import Counters
from rvbbit_otel.errors import StoreError
from rvbbit_otel.storage.keeping import keep
from rvbbit_otel.storage.migrations import apply

# Seconds for requests that were accepted to be stored and answered after a signal to stop.
_DRAIN_SECONDS = 6


def run(
    options: Options,
    doors: Mapping[str, socket.socket],
    announce: Callable[[Mapping[str, object]], None],
    tell: Callable[[str], None],
) -> bool:
    """Serve on `doors` until a signal to stop. Raises a RvbbitOtelError that says what to do if it can't start.

    False if a question is left in the engine that nothing stops: then this process must end without waiting for its threads.
    """
    # What was opened is closed in reverse, whether serving ends or never begins: the engine must not be open when Python exits.
    with contextlib.ExitStack() as opened:
        engine = Engine(options)
        opened.callback(engine.close)
        tell(f"engine open in {options.data}")
        applied = apply(engine)
        tell(f"schema ready, {len(applied)} migrations applied")
        if options.keep_days is not None and (changed := keep(engine, options.keep_days)):
            tell(f"{len(changed)} tables keep their rows for {options.keep_days} days from now on")
        parts = PartCheck(engine, tell)
        opened.callback(parts.close)
        counters = Counters()
        pricing = Pricing(engine, options.own_prices, counters)
        with usable(options.data):
            journal = Journal(options.data / "journal", options.max_journal, options.journal_sync, tell)
            quarantine = Quarantine(options.data / "quarantine", QuarantineTable(engine, counters, tell))
        if journal.found:
            tell(f"{len(journal.found)} requests that an earlier process acknowledged are stored now")
        checkpoints = Checkpoints(journal, counters)
        opened.callback(checkpoints.close)
        ingest = Ingest(
            journal, Storing(engine, counters, after=pricing.look), quarantine, counters, options.max_queued
        )
        opened.callback(ingest.close, options.drain_seconds)
        door = OtlpDoor(ingest, counters)
        tokens, secret = Tokens.of_server(options.token, options.tokens)

        def too_many_bodies() -> None:
            counters.add("refused.bodies_on_their_way")

        # What waits in the queue is counted here too, until its sender has its answer.
        grpc_server, port = serve_grpc(
            door,
            options.host,
            options.otlp_grpc_port,
            tokens,
            options.max_body,
            Budget(2 * options.max_queued, too_many_bodies),
        )
        opened.callback(lambda: grpc_server.stop(_DRAIN_SECONDS).wait())
        budget = Budget(2 * options.max_queued, too_many_bodies)

        def gave_up() -> None:
            counters.error(
                "sql.not_stopped", StoreError("a question goes on in the engine after its end, beside those that run")
            )

        sql = ClickHouseHttp(engine, budget, options, ingest, counters, pricing.look, gave_up)
        opened.callback(sql.close)
        apps = {
            "otlp_http": make_app(door, budget, options.max_body, parts),
            "clickhouse": sql.make_app(),
        }
        addresses: dict[str, object] = {
            "pid": os.getpid(),
            "otlp_grpc": f"{options.host}:{port}",
            **{name: _url(options.host, door) for name, door in doors.items()},
        }
        addresses["page"] = f"{addresses['clickhouse']}/page/"

        def ready() -> None:
            tell("serving " + " ".join(f"{name}={value}" for name, value in addresses.items()))
            announce(addresses)

        names = Names(options.host, options.allow_hosts)
        login = Login(tokens) if tokens else None
        guards: dict[str, App] = {
            "otlp_http": guarded(apps["otlp_http"], names, tokens, None, WRITE),
            "clickhouse": guarded(apps["clickhouse"], names, tokens, login),
        }
        access = AccessLog(options.data, counters)
        asked = logged(guards["clickhouse"], access, "sql")
        page = guarded(LazyPage(SqlListener(asked, options.host, secret)), names, tokens, login, READ)
        guards["clickhouse"] = beside(asked, logged(page, access, "page"))

        def stopping() -> None:
            grpc_server.stop(_DRAIN_SECONDS)  # All doors close at once; this returns at once.
            engine.cancel_all()  # Queries are not waited for: their clients get the engine's own error.

        asyncio.run(_serve(guards, doors, ready, stopping))
    return not engine.is_stuck


async def _serve(
    apps: Mapping[str, App],
    doors: Mapping[str, socket.socket],
    ready: Callable[[], None],
    stopping: Callable[[], None],
) -> None:
    servers = [
        _Server(
            uvicorn.Config(
                app,
                log_level="warning",
                access_log=False,
                lifespan="off",
                server_header=False,
                date_header=False,
                timeout_keep_alive=75,
                timeout_graceful_shutdown=_DRAIN_SECONDS,
                http=Connection,
                ws="none",
            )
        )
        for name, app in apps.items()
    ]
    logging.getLogger("uvicorn.error").addFilter(Told())
    loop = asyncio.get_running_loop()

    def stop() -> None:
        if any(server.should_exit for server in servers):
            # The second signal does not wait. What was acknowledged is stored, and the engine stands being killed.
            os._exit(1)
        for server in servers:
            server.should_exit = True
        loop.run_in_executor(None, stopping)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    tasks = [asyncio.ensure_future(server.serve([doors[name]])) for name, server in zip(apps, servers, strict=True)]
    while not all(server.started for server in servers):
        await asyncio.sleep(0.005)
    ready()
    await asyncio.gather(*tasks)


class _Server(uvicorn.Server):
    """uvicorn, with the signals left to us: two servers share one process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing is captured."""
        yield


def _url(host: str, door: socket.socket) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{door.getsockname()[1]}"
