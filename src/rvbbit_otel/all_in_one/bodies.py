"""Request bodies: read and unpacked as a stream, never past a limit."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Protocol

from rvbbit_otel.errors import RvbbitOtelError

_CHUNK = 64 * 1024


class BodyTooLargeError(RvbbitOtelError):
    """A body that is larger, once unpacked, than may be."""


class UnknownEncodingError(RvbbitOtelError):
    """A Content-Encoding that is not served."""


class CorruptBodyError(RvbbitOtelError):
    """A body that can't be unpacked."""


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unconsumed_tail(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


async def read(chunks: AsyncIterator[bytes], encoding: str, limit: int) -> bytes:
    """The unpacked body; `limit` holds for what was sent and for what it unpacks to.

    Raises BodyTooLargeError as soon as the limit is passed, UnknownEncodingError, CorruptBodyError.
    """
    unpacker = _unpacker(encoding)
    parts: list[bytes] = []
    size = sent = 0
    async for chunk in chunks:
        sent += len(chunk)
        for part in [chunk] if unpacker is None else _unpacked(unpacker, chunk):
            size += len(part)
            if size > limit or sent > limit:
                raise BodyTooLargeError(f"the body is over {limit} bytes unpacked: send smaller batches")
            parts.append(part)
    if unpacker is not None and sent and not unpacker.eof:
        raise CorruptBodyError(f"the body ends in the middle of its {encoding} data")
    return b"".join(parts)


def unpack(data: bytes, encoding: str, limit: int) -> bytes:
    """The same for a body that is here as a whole."""
    unpacker = _unpacker(encoding)
    if unpacker is None:
        return data
    parts: list[bytes] = []
    size = 0
    for part in _unpacked(unpacker, data):
        size += len(part)
        if size > limit:
            raise BodyTooLargeError(f"the body is over {limit} bytes unpacked: send smaller batches")
        parts.append(part)
    return b"".join(parts)


def _unpacker(encoding: str) -> _Decompressor | None:
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return None
    if name in ("gzip", "deflate"):
        return zlib.decompressobj(wbits=47)  # 32 + 15: zlib finds out which of the two it is.
    raise UnknownEncodingError(f"Content-Encoding {encoding[:40]!r} is not served; gzip, deflate and identity are")


def _unpacked(unpacker: _Decompressor, data: bytes) -> Iterator[bytes]:
    try:
        while data:
            yield unpacker.decompress(data, _CHUNK)
            data = unpacker.unconsumed_tail
    except zlib.error as error:
        raise CorruptBodyError(f"the body can't be unpacked: {error}") from error


def header(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str:
    """The first header of this name, '' if there is none."""
    return next((value.decode("latin-1") for key, value in headers if key.lower() == name), "")
