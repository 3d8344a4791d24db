"""ClickHouse's own compressed blocks, which its drivers ask for by `compress=1` and send by `decompress=1`.

Sixteen bytes of checksum, a byte for the method, two sizes of four bytes, data. The checksum is CityHash128 as it was in CityHash 1.0.2, of all that
follows it; the first size counts itself, the method and the data. https://clickhouse.com/docs/native-protocol/compression
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator

import lz4.block
from clickhouse_cityhash.cityhash import CityHash128

from rvbbit_otel.all_in_one.http.body_errors import BodyTooLargeError, CorruptBodyError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

# Bytes that a block of an answer is made of, as the real server's.
BLOCK_BYTES = 1024 * 1024
_NONE, _LZ4, _ZSTD = 0x02, 0x82, 0x90
_CHECKSUM, _HEAD = struct.Struct("<QQ"), struct.Struct("<BII")
_BEFORE_DATA = _CHECKSUM.size + _HEAD.size
# Blocks of one body: each costs microseconds, and takes 25 bytes to send.
_MOST_BLOCKS = 16_384


def pack(data: bytes, method: str = "lz4") -> bytes:
    """The data as blocks, none for no data; `method`: zstd or lz4, as `network_compression_method` names them."""
    make = _zstd if method == "zstd" else _lz4
    return b"".join(make(data[at : at + BLOCK_BYTES]) for at in range(0, len(data), BLOCK_BYTES))


def pack_readably(text: bytes) -> bytes:
    """An error's text as a block of LZ4 that holds it letter by letter: Java's driver reads some errors as blocks, and others as they are."""
    length, more = min(len(text), 15), len(text) - 15
    head = bytes([length << 4, *([255] * (more // 255) + [more % 255] if more >= 0 else [])])
    return _framed(_LZ4, head + text, len(text))


class BlockReader:
    """Unpacks blocks as their bytes come."""

    def __init__(self, most_bytes: int) -> None:
        """`most_bytes` of one block, packed or not."""
        self._most_bytes = most_bytes
        self._waiting = bytearray()
        self._blocks = 0

    def unpacked(self, data: bytes) -> Iterator[bytes]:
        """Yield the content of the blocks that are complete now; raises CorruptBodyError, BodyTooLargeError."""
        self._waiting += data
        at = 0
        while len(self._waiting) - at >= _BEFORE_DATA:
            first, second = _CHECKSUM.unpack_from(self._waiting, at)
            method, packed, size = _HEAD.unpack_from(self._waiting, at + _CHECKSUM.size)
            if max(packed, size) > self._most_bytes:
                raise BodyTooLargeError(f"a compressed block is over {self._most_bytes} bytes: send smaller ones")
            if packed < _HEAD.size:
                raise CorruptBodyError("the body is not made of ClickHouse's compressed blocks")
            end = at + _CHECKSUM.size + packed
            if len(self._waiting) < end:
                break
            self._blocks += 1
            if self._blocks > _MOST_BLOCKS:
                raise CorruptBodyError(f"the body is over {_MOST_BLOCKS} compressed blocks: send larger ones")
            block = bytes(self._waiting[at + _CHECKSUM.size : end])
            if _checksum(block) != (first, second):
                raise CorruptBodyError("the checksum of a compressed block does not match")
            yield _data_of(method, block[_HEAD.size :], size)
            at = end
        del self._waiting[:at]

    def finish(self) -> None:
        """Raise CorruptBodyError if a block has no end."""
        if self._waiting:
            raise CorruptBodyError("the body ends in the middle of a compressed block")


def _lz4(data: bytes) -> bytes:
    return _framed(_LZ4, lz4.block.compress(data, store_size=False), len(data))


def _zstd(data: bytes) -> bytes:
    return _framed(_ZSTD, zstd.compress(data, 1), len(data))


def _framed(method: int, packed: bytes, size: int) -> bytes:
    rest = _HEAD.pack(method, _HEAD.size + len(packed), size) + packed
    return _CHECKSUM.pack(*_checksum(rest)) + rest


def _checksum(data: bytes) -> tuple[int, int]:
    number = CityHash128(data)
    return number >> 64, number & (1 << 64) - 1


def _data_of(method: int, packed: bytes, size: int) -> bytes:
    data: bytes
    try:
        if method == _LZ4:
            data = lz4.block.decompress(packed, uncompressed_size=size)
        elif method == _ZSTD:
            data = zstd.ZstdDecompressor().decompress(packed, size)
        elif method == _NONE:
            data = packed
        else:
            raise CorruptBodyError(f"a compressed block has the method {method:#04x}; LZ4, ZSTD and NONE are served")
    except (lz4.block.LZ4BlockError, zstd.ZstdError) as error:
        raise CorruptBodyError(f"a compressed block can't be unpacked: {error}") from error
    if len(data) != size:
        raise CorruptBodyError("a compressed block is not as long as it says")
    return data
