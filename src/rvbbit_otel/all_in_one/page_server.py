"""The page in a process of its own, over a store behind a DSN, behind the same guard as the all-in-one's."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator

import uvicorn

from rvbbit_otel.all_in_one.http.asgi import App
from rvbbit_otel.all_in_one.http.guard import Names, guarded
from rvbbit_otel.all_in_one.http.login import Login
from rvbbit_otel.all_in_one.server import listen
from rvbbit_otel.all_in_one.tokens import Tokens
from rvbbit_otel.errors import ConfigurationError
from rvbbit_otel.hosts import is_loopback
from rvbbit_otel.page import PageOptions, make_page
from rvbbit_otel.page.dsn_store import DsnStore

# Seconds for views that are being made to be answered after a signal to stop.
_DRAIN_SECONDS = 3


def serve_page(
    dsn: str,
    host: str,
    port: int,
    allow_hosts: tuple[str, ...],
    token: str | None,
    jaeger: str,
    grafana: str,
    tell: Callable[[str], None],
) -> None:
    """Serve until SIGTERM or SIGINT. Raises ConfigurationError that names the option where it can't."""
    if not is_loopback(host) and not token:
        raise ConfigurationError(
            f"--host {host} can be reached by others: give a token (--token-file, RVBBIT_OTEL_TOKEN), or listen on 127.0.0.1"
        )
    store = DsnStore(dsn)
    door = listen(host, port, "")
    page: App = make_page(store, PageOptions(store.address, jaeger, grafana))
    tokens = Tokens.one(token)
    app = guarded(page, Names(host, allow_hosts), tokens, Login(tokens) if tokens else None)
    configuration = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        lifespan="off",
        server_header=False,
        date_header=False,
        ws="none",
        timeout_graceful_shutdown=_DRAIN_SECONDS,
    )
    server = _Server(configuration)

    async def serve() -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, server.stop)
        serving = asyncio.ensure_future(server.serve([door]))
        while not (server.started or serving.done()):
            await asyncio.sleep(0.01)
        shown = f"[{host}]" if ":" in host else host
        tell(f"http://{shown}:{door.getsockname()[1]}/page/ shows the store at {store.address}")
        await serving

    try:
        asyncio.run(serve())
    finally:
        store.close()
        door.close()


class _Server(uvicorn.Server):
    """uvicorn, with the signals left to us: it would hand them on once it has ended, and an end that was asked for is no failure."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing is captured."""
        yield

    def stop(self) -> None:
        """Answer what is being answered, and end."""
        self.force_exit = self.should_exit
        self.should_exit = True
