"""HTTP connections with an end: uvicorn waits for a request's first lines for ever, and takes as many connections as come."""

from __future__ import annotations

import asyncio
import time
from typing import cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# Seconds from the begin of a connection, or of a next request on it, to the end of the request's headers.
HEADER_SECONDS = 10.0
# Seconds without a byte of a request's body.
BODY_SECONDS = 20.0
# Where a request's scope has what ends its connection at once.
ABORT = "rvbbit_otel.abort"
# Open connections of one door. Above it, the one that has waited longest for its client makes room.
MAX_CONNECTIONS = 512


class Connection(HttpToolsProtocol):
    """One connection, closed when its client does not go on."""

    _timer: asyncio.TimerHandle | None = None
    # When it began to wait for its client's next request; None while there is one.
    _idle_since: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection; if there are too many, the one that has waited longest for its client makes room."""
        super().connection_made(transport)
        self._idle_since = time.monotonic()
        self._wait(HEADER_SECONDS)
        if len(self.connections) > MAX_CONNECTIONS:
            others = (cast(Connection, other) for other in self.connections)
            idle = {other: other._idle_since for other in others if other._idle_since is not None}
            min(idle, key=lambda other: idle[other]).transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client, or a limit of ours, has ended it."""
        self._rest()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Each part of a body starts its time anew; parts of headers do not."""
        if self._timer is None and self._idle_since is not None:
            self._wait(HEADER_SECONDS)
        super().data_received(data)
        if self._idle_since is None and self.cycle.more_body:
            self._wait(BODY_SECONDS)

    def on_headers_complete(self) -> None:
        """A request begins."""
        self._rest()
        self._idle_since = None
        super().on_headers_complete()
        # For an answer that its client does not take: what waits to be sent is dropped too.
        cast(dict[str, object], self.scope)[ABORT] = self.transport.abort

    def on_message_complete(self) -> None:
        """A request is here as a whole; now we are the ones to go on."""
        self._rest()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """The client may ask again, or be closed where others need the place."""
        super().on_response_complete()
        if not self.pipeline and not self.cycle.more_body:
            self._idle_since = time.monotonic()

    def _wait(self, seconds: float) -> None:
        self._rest()
        self._timer = self.loop.call_later(seconds, self._give_up)

    def _rest(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        self._timer = None
        if not self.transport.is_closing():
            self.transport.abort()
