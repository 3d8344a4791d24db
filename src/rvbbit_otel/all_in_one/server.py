"""Starts every part of the all-in-one, says where it serves, and ends it so that nothing acknowledged is lost."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator

import uvicorn

from rvbbit_otel.all_in_one.clickhouse_http import ClickHouseHttp
from rvbbit_otel.all_in_one.engine import Engine
from rvbbit_otel.all_in_one.guard import App, guarded
from rvbbit_otel.all_in_one.ingest import Ingest
from rvbbit_otel.all_in_one.options import Options
from rvbbit_otel.all_in_one.otlp_grpc import serve_grpc
from rvbbit_otel.all_in_one.otlp_http import make_app
from rvbbit_otel.all_in_one.page import page_route
from rvbbit_otel.errors import ConfigurationError
from rvbbit_otel.storage.migrations import apply
from rvbbit_otel.telemetry import Counters

__all__ = ["Options", "serve"]

# Seconds for requests that were accepted to be stored and answered after a signal to stop.
_DRAIN_SECONDS = 8


def serve(options: Options) -> None:
    """Serve until SIGTERM or SIGINT. Raises a RvbbitOtelError that says what to do if it can't start."""
    tell = _Steps()
    # What was opened is closed in reverse, whether serving ends or never begins: the engine must not be open when Python exits.
    with contextlib.ExitStack() as opened:
        doors = {
            name: opened.enter_context(_listen(options.host, getattr(options, f"{name}_port"), name))
            for name in ("otlp_http", "clickhouse")
        }
        engine = Engine(options)
        opened.callback(engine.close)
        tell(f"engine open in {options.data}")
        applied = apply(engine)
        tell(f"schema ready, {len(applied)} migrations applied")
        counters = Counters()
        ingest = Ingest(engine, options.max_queued, counters)
        opened.callback(ingest.close)
        grpc_server, port = serve_grpc(ingest, options.host, options.otlp_grpc_port, options.token, options.max_body)
        opened.callback(lambda: grpc_server.stop(_DRAIN_SECONDS).wait())
        apps = {
            "otlp_http": make_app(ingest, options.max_body, counters.snapshot),
            "clickhouse": ClickHouseHttp(engine, options).make_app(page_route()),
        }
        addresses: dict[str, object] = {
            "pid": os.getpid(),
            "otlp_grpc": f"{options.host}:{port}",
            **{name: _url(options.host, door) for name, door in doors.items()},
        }
        addresses["page"] = f"{addresses['clickhouse']}/page"

        def ready() -> None:
            tell("serving " + " ".join(f"{name}={value}" for name, value in addresses.items()))
            if options.ready_file is not None:
                partial = options.ready_file.with_name(options.ready_file.name + ".partial")
                partial.write_text(json.dumps(addresses))
                partial.replace(options.ready_file)

        guards = {name: guarded(app, options.host, options.token) for name, app in apps.items()}
        asyncio.run(_serve_http(guards, doors, ready))
    tell("everything acknowledged is stored; closed")


async def _serve_http(apps: dict[str, App], doors: dict[str, socket.socket], ready: Callable[[], None]) -> None:
    servers = [
        _Server(
            uvicorn.Config(
                apps[name],
                log_level="warning",
                access_log=False,
                lifespan="off",
                server_header=False,
                date_header=False,
                limit_concurrency=512,
                timeout_keep_alive=75,
                timeout_graceful_shutdown=_DRAIN_SECONDS,
                http="httptools",
                ws="none",
            )
        )
        for name in apps
    ]
    loop = asyncio.get_running_loop()

    def stop() -> None:
        for server in servers:
            server.force_exit = server.should_exit  # The second signal does not wait.
            server.should_exit = True

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


class _Steps:
    """A line on standard error for each step of the start, with the seconds that it took."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def __call__(self, text: str) -> None:
        now = time.monotonic()
        sys.stderr.write(f"rvbbit-otel up: {text} ({now - self._last:.1f} s)\n")
        sys.stderr.flush()
        self._last = now


def _listen(host: str, port: int, name: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    door = socket.socket(family, socket.SOCK_STREAM)
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        door.bind((host, port))
    except OSError as error:
        door.close()
        raise ConfigurationError(
            f"--{name.replace('_', '-')}-port {port} on {host} can't be listened on ({error.strerror}): 0 picks a free one"
        ) from error
    return door


def _url(host: str, door: socket.socket) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{door.getsockname()[1]}"
