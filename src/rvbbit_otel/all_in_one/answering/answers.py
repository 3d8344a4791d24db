"""An answer on its way from the engine to a client: through a pipe, bounded in bytes and in time, and never as a whole in memory.

The engine writes in its thread, as fast as the client reads. A short answer is held until the query has ended, so that an error still has its own
status; a long one is sent as it comes, and an error after that is written behind it as ClickHouse's servers do, and ends the connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from rvbbit_otel.all_in_one.answering.packing import Packer
from rvbbit_otel.all_in_one.engine.error import EngineError
from rvbbit_otel.all_in_one.engine.reader import Cost
from rvbbit_otel.all_in_one.http.connections import ABORT

if sys.platform.startswith("linux"):
    from fcntl import F_SETPIPE_SZ, fcntl

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
RawHeaders = list[tuple[bytes, bytes]]

# Bytes of an answer that are held back for a status of its own, and that are read ahead of the client.
HELD = 1024 * 1024
_CHUNK = 256 * 1024


class AnswerPipe:
    """A pipe from the engine, which writes an answer, to the listener, which reads it; `left` is how many bytes may
    still come.
    """

    def __init__(self, limit: int) -> None:
        """`limit`: bytes of the whole answer."""
        self._limit = limit
        self._came = 0
        self._read_end, self.descriptor = os.pipe()
        if sys.platform.startswith("linux"):
            with contextlib.suppress(OSError):  # A user's pipes have a limit together; then this one is smaller.
                fcntl(self.descriptor, F_SETPIPE_SZ, HELD)
        self._reader: asyncio.StreamReader | None = None
        self._transport: asyncio.ReadTransport | None = None

    async def open(self) -> None:
        """Let the loop read from it."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=_CHUNK)
        self._reader = reader
        self._transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(self._read_end, "rb", 0)
        )

    async def read(self) -> bytes:
        """The next piece, b"" at the end; raises EngineError for a byte more than may come."""
        assert self._reader is not None
        piece = await self._reader.read(_CHUNK)
        self._came += len(piece)
        if self._came > self._limit:
            raise EngineError(
                f"Code: 396. DB::Exception: Limit for result exceeded, max bytes: {self._limit}: ask for less, or page with LIMIT. "
                "(TOO_MANY_ROWS_OR_BYTES)"
            )
        return piece

    def end_writing(self) -> None:
        """For the thread that wrote: nothing more comes from this end. The engine has closed its own."""
        os.close(self.descriptor)

    def end_reading(self) -> None:
        """Whatever is still written goes nowhere, and does not wait."""
        if self._transport is not None:
            self._transport.close()
        else:
            os.close(self._read_end)


class HeldAnswer:
    """An ASGI response: an answer that is here as a whole, sent piece by piece to a client that takes each in time."""

    def __init__(self, headers: RawHeaders, body: bytes, send_seconds: float, sent: Callable[[], None]) -> None:
        """`sent` is called when it is gone, or its client is."""
        self._headers = headers
        self._body = body
        self._send_seconds = send_seconds
        self._sent = sent

    async def __call__(self, scope: Any, receive: Any, send: Send) -> None:
        """Send it."""
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self._headers})
            for at in range(0, max(1, len(self._body)), _CHUNK):
                more = at + _CHUNK < len(self._body)
                await send_in_time(send, self._body[at : at + _CHUNK], more, self._send_seconds)
        except ClientGoneError:
            scope.get(ABORT, lambda: None)()
        finally:
            self._sent()


class StreamedAnswer:
    """An ASGI response: what was held, then what comes, then the end, or the error and no end."""

    def __init__(
        self,
        headers: RawHeaders,
        held: bytes,
        pipe: AnswerPipe,
        packer: Packer,
        ended: Awaitable[Cost],
        left: asyncio.Future[None],
        deadline: float,
        send_seconds: float,
        stop: Callable[[], None],
    ) -> None:
        """`ended`: the query's end. `left`: done when the client has gone. `deadline`: on the loop's clock. `stop` ends the query in any state."""
        self.tag = secrets.token_hex(8)
        self._headers = headers
        self._held = held
        self._pipe = pipe
        self._packer = packer
        self._ended = ended
        self._left = left
        self._deadline = deadline
        self._send_seconds = send_seconds
        self._stop = stop

    async def __call__(self, scope: Any, receive: Any, send: Send) -> None:
        """Send it."""
        headers = [*self._headers, (b"x-clickhouse-exception-tag", self.tag.encode())]
        try:
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            failure = await self._sent(send)
            if failure is None:
                await send({"type": "http.response.body", "body": await self._packer.pack(b"", last=True)})
            else:
                # Without its last chunk, no client takes what it got for the whole.
                await self._send(send, await self._packer.pack(self._behind(failure), last=True))
        except ClientGoneError:
            scope.get(ABORT, lambda: None)()
        finally:
            self._stop()

    async def _sent(self, send: Send) -> Exception | None:
        """Send all pieces; why it could not, None if it could. Raises ClientGoneError."""
        piece = self._held
        try:
            while piece:
                await self._send(send, await self._packer.pack(piece))
                piece = await self._next()
            await self._ended
        except ClientGoneError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the client must learn that this is not all
            return error
        return None

    async def _send(self, send: Send, body: bytes) -> None:
        await send_in_time(send, body, True, self._send_seconds)

    async def _next(self) -> bytes:
        loop = asyncio.get_running_loop()
        reading = asyncio.ensure_future(self._pipe.read())
        try:
            timeout = max(0.0, self._deadline - loop.time())
            await asyncio.wait((reading, self._left), timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                return await reading
            if self._left.done():
                raise ClientGoneError
            raise EngineError(
                "Code: 159. DB::Exception: Timeout exceeded: its client took too long. (TIMEOUT_EXCEEDED)"
            )
        finally:
            reading.cancel()

    def _behind(self, failure: Exception) -> bytes:
        text = f"{failure}\n".encode()
        tag = self.tag.encode()
        return b"\r\n__exception__\r\n%s\r\n%s%d %s\r\n__exception__\r\n" % (tag, text, len(text), tag)


class ClientGoneError(Exception):
    """The client has closed its connection, or does not read."""


async def send_in_time(send: Send, body: bytes, more: bool, seconds: float) -> None:
    """Send a piece; raises ClientGoneError for a client that does not take it within `seconds`."""
    try:
        await asyncio.wait_for(send({"type": "http.response.body", "body": body, "more_body": more}), seconds)
    except asyncio.TimeoutError as error:
        raise ClientGoneError from error
