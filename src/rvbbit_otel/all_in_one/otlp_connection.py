"""Connections of the OTLP listener: slow bodies make room for others, and what is no body has a bound: target, headers, chunk sizes, trailers."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from rvbbit_otel.all_in_one import connections
from rvbbit_otel.all_in_one.connections import Connection

# Bytes of a request that are no body; for a body in chunks, as many again as the body has. One read of a socket more may be in memory.
MAX_OVERHEAD: Final = 64 * 1024
# Seconds for which a connection does not have to make room while there is another that has waited longer.
PATIENCE_SECONDS: Final = 1.0
# Seconds for the rest of a body whose request is answered already.
LINGER_SECONDS: Final = 10.0
_TOO_LARGE: Final = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class OtlpConnection(Connection):
    """One connection of a sender."""

    # Since when it waits for its client; None while we are the ones to go on.
    _waits_since: float | None = None
    _has_request = False
    _received = 0
    _body = 0
    _linger: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection; if there are too many, the one makes room that is likeliest to be nobody's."""
        if len(self.connections) >= connections.MAX_CONNECTIONS:
            now = time.monotonic()
            waiting = [each for each in self.connections if isinstance(each, OtlpConnection) and each._waits_since]
            if waiting:
                last = min(waiting, key=lambda each: each._worth(now))
                self.connections.discard(last)
                last.transport.abort()
        super().connection_made(transport)
        self._waits_since = time.monotonic()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client, or a limit of ours, has ended it."""
        self._stop_lingering()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what comes, and end a connection that sends much besides bodies."""
        self._received += len(data)
        super().data_received(data)
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
        self._has_request = True
        self._waits_since = time.monotonic()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of a body."""
        self._body += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is here as a whole; now we are the ones to go on."""
        self._waits_since = None
        self._has_request = False
        self._stop_lingering()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """The client may ask again; the rest of a body that was refused is taken off the connection, for a while."""
        super().on_response_complete()
        if self._has_request:
            self._linger = self.loop.call_later(LINGER_SECONDS, self.transport.abort)
        elif not self.pipeline:
            self._waits_since = time.monotonic()

    def _worth(self, now: float) -> tuple[bool, bool, float]:
        """What is least makes room first: who has waited for a while, and of those who has no request, and of those who has waited longest."""
        since = self._waits_since or now
        return now - since < PATIENCE_SECONDS, self._has_request, since

    def _stop_lingering(self) -> None:
        if self._linger is not None:
            self._linger.cancel()
            self._linger = None
