"""Request bodies: read and unpacked as a stream, never past a limit."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import contextmanager, suppress

from rvbbit_otel.all_in_one.http.body_errors import BodyTooLargeError as BodyTooLargeError
from rvbbit_otel.all_in_one.http.body_errors import CorruptBodyError as CorruptBodyError
from rvbbit_otel.all_in_one.http.body_errors import UnknownEncodingError as UnknownEncodingError
from rvbbit_otel.all_in_one.http.unpacking import Unpacker, unpacker_of
from rvbbit_otel.errors import RvbbitOtelError, StoreUnavailableError

_DISCARDED_BYTES = 256 * 1024 * 1024
# Seconds that a body may take in all; those after which it makes room for others where there is none; those for what is only thrown away.
_MOST_SECONDS = 120.0
_PATIENCE_SECONDS = 1.0
_DISCARD_SECONDS = 10.0
_MANY_PARTS = 1024


class SlowBodyError(StoreUnavailableError):
    """A body that was not waited for to its end; its connection is of no more use."""


class Budget:
    """Bytes of unpacked bodies that may be in memory at once, over all requests of a door. For one thread (an event loop's).

    Where there is no room, the body that has been on its way longest makes some, so that slow senders do not keep the others out.
    """

    def __init__(self, limit: int, on_refusal: Callable[[], None] = lambda: None) -> None:
        """`limit` in bytes; `on_refusal` is told of each request that there is no room for."""
        self._left = limit
        self._on_refusal = on_refusal
        self._on_their_way: dict[Share, None] = {}

    @contextmanager
    def share(self) -> Iterator[Share]:
        """Take the memory of one request out of the budget, and give it back at the end."""
        share = Share(self)
        try:
            yield share
        finally:
            self._give_back(share)

    def _take(self, share: Share, size: int) -> None:
        while size > self._left:
            oldest = next((each for each in self._on_their_way if each is not share), None)
            if oldest is None or oldest.age < _PATIENCE_SECONDS:
                self._on_refusal()
                raise StoreUnavailableError("too many bodies are on their way: send it again later")
            self._give_back(oldest)
            oldest.give_up()
        self._left -= size
        share.taken += size

    def _give_back(self, share: Share) -> None:
        self._left += share.taken
        share.taken = 0


class Share:
    """One request's part of a Budget."""

    def __init__(self, budget: Budget) -> None:
        """Nothing is taken yet."""
        self._budget = budget
        self._since = time.monotonic()
        self._reader: asyncio.Task[object] | None = None
        self._given_up = False
        self.taken = 0

    @property
    def age(self) -> float:
        """Seconds since it was made."""
        return time.monotonic() - self._since

    def take(self, size: int) -> None:
        """Take more; raises StoreUnavailableError if there is not so much."""
        self._budget._take(self, size)

    def give_up(self) -> None:
        """Stop the task that reads the body."""
        if self._reader is not None:
            self._given_up = True
            self._reader.cancel()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """While the body is read: it may be given up, for others or because it takes too long. Raises SlowBodyError then."""
        self._reader = asyncio.current_task()
        self._budget._on_their_way[self] = None
        timer = asyncio.get_running_loop().call_later(_MOST_SECONDS, self.give_up)
        try:
            yield
        except asyncio.CancelledError:
            if not self._given_up:
                raise
            if sys.version_info >= (3, 11) and self._reader is not None:
                self._reader.uncancel()
            self._budget._on_refusal()
            raise SlowBodyError("the body takes too long to come: send it again later") from None
        finally:
            timer.cancel()
            self._budget._on_their_way.pop(self, None)
            self._reader = None


async def read(
    chunks: AsyncIterator[bytes], encoding: str, limit: int, share: Share, make: Callable[[str], Unpacker] = unpacker_of
) -> bytes:
    """The unpacked body; `limit` holds for what was sent and for what it unpacks to, `share` for all bodies together.

    `make` chooses what unpacks an encoding. Raises BodyTooLargeError as soon as the limit is passed, UnknownEncodingError, CorruptBodyError,
    StoreUnavailableError; what is left of the body is taken off the connection first, so that its sender reads the answer instead of a broken pipe.
    """
    try:
        with share.reading():
            return await _read(chunks, make(encoding), limit, share)
    except SlowBodyError:
        raise
    except RvbbitOtelError:
        await discard(chunks)
        raise


async def discard(chunks: AsyncIterator[bytes]) -> None:
    """Take a body off its connection, up to a size and a time that are beyond a mistake."""
    with suppress(asyncio.TimeoutError):
        await asyncio.wait_for(_discard(chunks), _DISCARD_SECONDS)


async def _discard(chunks: AsyncIterator[bytes]) -> None:
    left = _DISCARDED_BYTES
    async for chunk in chunks:
        left -= len(chunk)
        if left < 0:
            return


async def _read(chunks: AsyncIterator[bytes], unpacker: Unpacker, limit: int, share: Share) -> bytes:
    parts: list[bytes] = []
    size = sent = counted = 0

    def count() -> None:
        # What waits to be unpacked is in memory too, so the larger of the two counts.
        nonlocal counted
        if max(size, sent) > limit:
            raise BodyTooLargeError(f"the body is over {limit} bytes unpacked: send smaller batches")
        share.take(max(size, sent) - counted)
        counted = max(size, sent)

    async for chunk in chunks:
        sent += len(chunk)
        count()
        for part in unpacker.unpacked(chunk):
            size += len(part)
            count()
            parts.append(part)
        if len(parts) > _MANY_PARTS:
            parts = [b"".join(parts)]  # A part of one byte takes forty.
    unpacker.finish()
    return b"".join(parts)


def header(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str:
    """The first header of this name, '' if there is none."""
    return next((value.decode("latin-1") for key, value in headers if key.lower() == name), "")
