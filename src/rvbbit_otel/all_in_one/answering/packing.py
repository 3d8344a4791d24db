"""Packs an answer as its client asked for it: as ClickHouse's own blocks, by HTTP's Content-Encoding, or as the one inside the other."""

from __future__ import annotations

import asyncio
import sys
import zlib
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from typing import Any, Final

import brotli
import lz4.frame

from rvbbit_otel.all_in_one.http import blocks

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

# A piece that is packed on the loop; a larger one has a thread.
_SMALL = 16 * 1024
# Fast ones: an answer goes over this machine's own wire.
_ZSTD_LEVEL, _BROTLI_QUALITY, _ZLIB_LEVEL = 1, 1, 3


class _Blocks:
    """Whole blocks while the answer comes, what is left at its end."""

    def __init__(self, method: str) -> None:
        self._method = method
        self._waiting = bytearray()

    def compress(self, data: bytes) -> bytes:
        self._waiting += data
        whole = len(self._waiting) - len(self._waiting) % blocks.BLOCK_BYTES
        packed = blocks.pack(bytes(self._waiting[:whole]), self._method)
        del self._waiting[:whole]
        return packed

    def flush(self) -> bytes:
        return blocks.pack(bytes(self._waiting), self._method)


class _Lz4:
    def __init__(self) -> None:
        self._compressor = lz4.frame.LZ4FrameCompressor()
        self._head: bytes = self._compressor.begin()

    def compress(self, data: bytes) -> bytes:
        head, self._head = self._head, b""
        return head + bytes(self._compressor.compress(data))

    def flush(self) -> bytes:
        return self._head + bytes(self._compressor.flush())


class _Brotli:
    def __init__(self) -> None:
        self._compressor = brotli.Compressor(quality=_BROTLI_QUALITY)

    def compress(self, data: bytes) -> bytes:
        return bytes(self._compressor.process(data))

    def flush(self) -> bytes:
        return bytes(self._compressor.finish())


_COMPRESSORS: Final[Mapping[str, Callable[[], Any]]] = {
    "gzip": lambda: zlib.compressobj(level=_ZLIB_LEVEL, wbits=31),
    "deflate": lambda: zlib.compressobj(level=_ZLIB_LEVEL, wbits=15),
    "zstd": lambda: zstd.ZstdCompressor(_ZSTD_LEVEL),
    "lz4": _Lz4,
    "br": _Brotli,
}


def encoding_for(accepted: str) -> str | None:
    """The first of a client's Accept-Encoding that is served, None if none is."""
    for each in accepted.split(","):
        name, _, weight = each.partition(";")
        refused = weight and not weight.strip(" q=0.")
        if name.strip().lower() in _COMPRESSORS and not refused:
            return name.strip().lower()
    return None


def pack_error(text: bytes, encoding: str | None, in_blocks: str | None) -> bytes:
    """The few words of an error, as their client reads answers."""
    inner = blocks.pack_readably(text) if in_blocks else text
    if encoding is None:
        return inner
    layer = _COMPRESSORS[encoding]()
    return bytes(layer.compress(inner) + layer.flush())


class Packer:
    """Packs pieces of an answer as they come, in a thread where they are large; or leaves them as they are."""

    def __init__(self, encoding: str | None, in_blocks: str | None, executor: Executor) -> None:
        """`encoding`: as encoding_for gives it; `in_blocks`: the method of ClickHouse's own, inside of that."""
        self._executor = executor
        self._layers: list[Any] = [_Blocks(in_blocks)] if in_blocks else []
        if encoding:
            self._layers.append(_COMPRESSORS[encoding]())

    async def pack(self, piece: bytes, last: bool = False) -> bytes:
        """Return the packed bytes to send for a piece of the answer."""
        if not self._layers:
            return piece
        if len(piece) < _SMALL:
            return self._packed(piece, last)
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._packed, piece, last)

    def _packed(self, piece: bytes, last: bool) -> bytes:
        for layer in self._layers:
            piece = layer.compress(piece) + (layer.flush() if last else b"")
        return piece
