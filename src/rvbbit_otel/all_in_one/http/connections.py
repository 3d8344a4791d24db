"""HTTP connections with an end, for every listener: uvicorn waits for a request's first lines for ever, and takes as many connections as come.

Who is slow makes room for others, and what is no body has a bound: target, headers, chunk sizes, trailers.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# Seconds from the begin of a connection, or of a next request on it, to the end of the request's headers.
HEADER_SECONDS = 10.0
# Seconds without a byte of a request's body.
BODY_SECONDS = 20.0
# Seconds for the rest of a body whose request is answered already.
LINGER_SECONDS: Final = 10.0
# Where a request's scope has what ends its connection at once.
ABORT = "rvbbit_otel.abort"
# Open connections of one listener. Above it, the one makes room that is likeliest to be nobody's.
MAX_CONNECTIONS = 512
# Seconds for which a connection does not have to make room while there is another that has waited longer.
PATIENCE_SECONDS: Final = 1.0
# Bytes of a request that are no body: a URL of SQL may have half of it. For a body in chunks, as many again as the body has. One read of a socket
# more may be in memory.
MAX_OVERHEAD: Final = 128 * 1024
_TOO_LARGE: Final = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class Connection(HttpToolsProtocol):
    """One connection of a client, closed when that does not go on."""

    _timer: asyncio.TimerHandle | None = None
    # Since when it waits for its client; None while we are the ones to go on.
    _waits_since: float | None = None
    # From the end of a request's headers to the end of its body.
    _has_request = False
    _received = 0
    _body = 0
    _linger: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection; if there are too many, another one makes room."""
        if len(self.connections) >= MAX_CONNECTIONS:
            self._make_room()
        super().connection_made(transport)
        self._waits_since = time.monotonic()
        self._wait(HEADER_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client, or a limit of ours, has ended it."""
        self._rest()
        self._stop_lingering()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Each part of a body starts its time anew; parts of headers do not. A connection ends that sends much besides bodies."""
        self._received += len(data)
        if self._timer is None and self._waits_since is not None and not self._has_request:
            self._wait(HEADER_SECONDS)
        super().data_received(data)
        if self._has_request:
            self._wait(BODY_SECONDS)
        if self._received - self._body <= MAX_OVERHEAD + self._body or self.transport.is_closing():
            return
        if self._has_request:
            self.transport.abort()
        else:
            self.transport.write(_TOO_LARGE)
            self.transport.close()

    def on_message_begin(self) -> None:
        """Count anew."""
        self._received = self._body = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """A request begins; its body is still to come."""
        self._rest()
        self._has_request = True
        self._waits_since = time.monotonic()
        super().on_headers_complete()
        # For an answer that its client does not take: what waits to be sent is dropped too.
        cast(dict[str, object], self.scope)[ABORT] = self.transport.abort

    def on_body(self, body: bytes) -> None:
        """A part of a body."""
        self._body += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A request is here as a whole; now we are the ones to go on."""
        self._rest()
        self._stop_lingering()
        self._has_request = False
        self._waits_since = None
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """The client may ask again; the rest of a body that was refused is taken off the connection, for a while."""
        super().on_response_complete()
        if self._has_request:
            self._linger = self.loop.call_later(LINGER_SECONDS, self.transport.abort)
        elif not self.pipeline:
            self._waits_since = time.monotonic()

    def _make_room(self) -> None:
        now = time.monotonic()
        others = (cast(Connection, other) for other in self.connections)
        waiting = [other for other in others if other._waits_since is not None]
        if waiting:
            last = min(waiting, key=lambda other: other._worth(now))
            self.connections.discard(last)
            last.transport.abort()

    def _worth(self, now: float) -> tuple[bool, bool, float]:
        """What is least makes room first: who has waited for a while, and of those who has no request, and of those who has waited longest."""
        since = self._waits_since or now
        return now - since < PATIENCE_SECONDS, self._has_request, since

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

    def _stop_lingering(self) -> None:
        if self._linger is not None:
            self._linger.cancel()
            self._linger = None
