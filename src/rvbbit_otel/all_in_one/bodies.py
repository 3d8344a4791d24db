"""Request bodies: read and unpacked as a stream, never past a limit."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol

from rvbbit_otel.errors import RvbbitOtelError, StoreUnavailableError

_CHUNK = 64 * 1024
_DISCARDED_BYTES = 256 * 1024 * 1024


class BodyTooLargeError(RvbbitOtelError):
    """A body that is larger, once unpacked, than may be."""


class UnknownEncodingError(RvbbitOtelError):
    """A Content-Encoding that is not served."""


class CorruptBodyError(RvbbitOtelError):
    """A body that can't be unpacked."""


class Budget:
    """Bytes of unpacked bodies that may be in memory at once, over all requests of a door. For one thread (an event loop's)."""

    def __init__(self, limit: int, on_refusal: Callable[[], None] = lambda: None) -> None:
        """`limit` in bytes; `on_refusal` is told of each request that there is no room for."""
        self._left = limit
        self._on_refusal = on_refusal

    @contextmanager
    def share(self) -> Iterator[Share]:
        """What one request takes of it, given back at the end."""
        share = Share(self)
        try:
            yield share
        finally:
            self._left += share.taken

    def _take(self, size: int) -> None:
        if size > self._left:
            self._on_refusal()
            raise StoreUnavailableError("too many bodies are on their way: send it again later")
        self._left -= size


class Share:
    """One request's part of a Budget."""

    def __init__(self, budget: Budget) -> None:
        """Nothing is taken yet."""
        self._budget = budget
        self.taken = 0

    def take(self, size: int) -> None:
        """Take more; raises StoreUnavailableError if there is not so much."""
        self._budget._take(size)
        self.taken += size


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unconsumed_tail(self) -> bytes: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


async def read(chunks: AsyncIterator[bytes], encoding: str, limit: int, share: Share) -> bytes:
    """The unpacked body; `limit` holds for what was sent and for what it unpacks to, `share` for all bodies together.

    Raises BodyTooLargeError as soon as the limit is passed, UnknownEncodingError, CorruptBodyError, StoreUnavailableError; what is left of the
    body is taken off the connection first, so that its sender reads the answer instead of a broken pipe.
    """
    try:
        return await _read(chunks, encoding, limit, share)
    except RvbbitOtelError:
        await discard(chunks)
        raise


async def discard(chunks: AsyncIterator[bytes]) -> None:
    """Take a body off its connection, up to a size that is beyond a mistake."""
    left = _DISCARDED_BYTES
    async for chunk in chunks:
        left -= len(chunk)
        if left < 0:
            return


async def _read(chunks: AsyncIterator[bytes], encoding: str, limit: int, share: Share) -> bytes:
    unpacker = _Unpacker(encoding)
    parts: list[bytes] = []
    size = sent = 0
    async for chunk in chunks:
        sent += len(chunk)
        for part in unpacker.unpacked(chunk):
            size += len(part)
            if size > limit or sent > limit:
                raise BodyTooLargeError(f"the body is over {limit} bytes unpacked: send smaller batches")
            share.take(len(part))
            parts.append(part)
    unpacker.finish()
    return b"".join(parts)


class _Unpacker:
    """Unpacks a body part by part. A gzip body may be several members, one after the other (RFC 1952)."""

    def __init__(self, encoding: str) -> None:
        name = encoding.strip().lower()
        if name not in ("", "identity", "gzip", "deflate"):
            raise UnknownEncodingError(
                f"Content-Encoding {encoding[:40]!r} is not served; gzip, deflate and identity are"
            )
        self._encoding = name
        self._packed = name in ("gzip", "deflate")
        self._member: _Decompressor | None = None

    def unpacked(self, data: bytes) -> Iterator[bytes]:
        if not self._packed:
            yield data
            return
        try:
            while data:
                if self._member is None:
                    self._member = zlib.decompressobj(wbits=47)  # 32 + 15: zlib finds out which of the two it is.
                yield self._member.decompress(data, _CHUNK)
                data = self._member.unconsumed_tail
                if self._member.eof:
                    data = self._member.unused_data
                    self._member = None
        except zlib.error as error:
            raise CorruptBodyError(f"the body can't be unpacked: {error}") from error

    def finish(self) -> None:
        if self._member is not None:
            raise CorruptBodyError(f"the body ends in the middle of its {self._encoding} data")


def header(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str:
    """The first header of this name, '' if there is none."""
    return next((value.decode("latin-1") for key, value in headers if key.lower() == name), "")
