"""Unpacks request bodies piece by piece, however they are packed: each piece is bounded, so that no small body makes a large one in memory."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Protocol

import brotli
import lz4.frame

from rvbbit_otel.all_in_one.http.blocks import BlockReader
from rvbbit_otel.all_in_one.http.body_errors import CorruptBodyError, UnknownEncodingError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

# Bytes of a piece.
_PIECE = 64 * 1024
# Parts of one body that are packed each for itself (RFC 1952: members): each costs 10 us, and takes 20 bytes to send.
_MEMBERS = 4096
# Encodings that every door takes, and those that ClickHouse's clients send.
OTLP: Final = ("gzip", "deflate")
CLICKHOUSE: Final = ("gzip", "deflate", "zstd", "lz4", "br")


class Unpacker(Protocol):
    """Unpacks one body."""

    def unpacked(self, data: bytes) -> Iterator[bytes]:
        """Yield what the next bytes of the body unpack to, in small pieces; raises CorruptBodyError."""

    def finish(self) -> None:
        """Raise CorruptBodyError if the body has no end."""


def unpacker_of(encoding: str, served: tuple[str, ...] = OTLP, blocks_of: int = 0) -> Unpacker:
    """For a Content-Encoding; with `blocks_of` bytes, what it holds are ClickHouse's own blocks, each of so many bytes at most.

    Raises UnknownEncodingError for one that is not among `served`.
    """
    name = encoding.strip().lower()
    if name not in ("", "identity", *served):
        raise UnknownEncodingError(
            f"Content-Encoding {encoding[:40]!r} is not served; {', '.join(served)} and identity are"
        )
    outer: Unpacker = _Brotli() if name == "br" else _Members(name) if name in _DECOMPRESSORS else _Plain()
    return _Layers(outer, BlockReader(blocks_of)) if blocks_of else outer


class _Plain:
    def unpacked(self, data: bytes) -> Iterator[bytes]:
        yield data

    def finish(self) -> None:
        """Any end is one."""


class _Zlib:
    """zlib's decompressor, in the shape of the others': it keeps what it has not unpacked yet."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=47)  # 32 + 15: zlib finds out whether it is gzip or deflate.

    @property
    def eof(self) -> bool:
        return self._member.eof

    @property
    def needs_input(self) -> bool:
        return not self._member.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._member.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._member.decompress(self._member.unconsumed_tail + data, max_length)


_DECOMPRESSORS: Final[Mapping[str, Callable[[], Any]]] = {
    "gzip": _Zlib,
    "deflate": _Zlib,
    "zstd": zstd.ZstdDecompressor,
    "lz4": lz4.frame.LZ4FrameDecompressor,
}


class _Members:
    """A body may be several members, or frames, one after the other."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._member: Any = None
        self._members = 0

    def unpacked(self, data: bytes) -> Iterator[bytes]:
        try:
            while data or (self._member is not None and not self._member.needs_input):
                if self._member is None:
                    self._members += 1
                    if self._members > _MEMBERS:
                        raise CorruptBodyError(f"the body is packed in over {_MEMBERS} members")
                    self._member = _DECOMPRESSORS[self._encoding]()
                yield self._member.decompress(data, _PIECE)
                data = b""
                if self._member.eof:
                    data = self._member.unused_data or b""
                    self._member = None
        except (zlib.error, zstd.ZstdError, RuntimeError) as error:
            # RuntimeError is what lz4 raises.
            raise CorruptBodyError(f"the body can't be unpacked: {error}") from error

    def finish(self) -> None:
        if self._member is not None:
            raise CorruptBodyError(f"the body ends in the middle of its {self._encoding} data")


class _Brotli:
    def __init__(self) -> None:
        self._decompressor = brotli.Decompressor()

    def unpacked(self, data: bytes) -> Iterator[bytes]:
        try:
            piece = self._decompressor.process(data, output_buffer_limit=_PIECE)
            # It may have taken all of its input, and still hold some of what that makes.
            while piece or not (self._decompressor.is_finished() or self._decompressor.can_accept_more_data()):
                yield piece
                if self._decompressor.is_finished():
                    return
                piece = self._decompressor.process(b"", output_buffer_limit=_PIECE)
        except brotli.error as error:
            raise CorruptBodyError(f"the body can't be unpacked: {error}") from error

    def finish(self) -> None:
        if not self._decompressor.is_finished():
            raise CorruptBodyError("the body ends in the middle of its br data")


class _Layers:
    """One packing inside another."""

    def __init__(self, outer: Unpacker, inner: Unpacker) -> None:
        self._outer = outer
        self._inner = inner

    def unpacked(self, data: bytes) -> Iterator[bytes]:
        for piece in self._outer.unpacked(data):
            yield from self._inner.unpacked(piece)

    def finish(self) -> None:
        self._outer.finish()
        self._inner.finish()
