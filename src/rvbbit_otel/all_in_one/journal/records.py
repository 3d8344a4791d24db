"""The format of a segment: a first line, then records; a record is a head with checksums, and the body of one request.

The head has a checksum of its own, so that where a body is damaged, the record behind it is still found.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from rvbbit_otel.all_in_one.otlp.requests import Request
from rvbbit_otel.errors import RvbbitOtelError

FIRST_LINE: Final = b"rvbbit-otel journal 1\n"
# Checksum of what follows in the head, checksum of the body, its bytes, what storing it costs (Request.cost), its signal.
_HEAD: Final = struct.Struct("<IIIQB3x")
_CHECKSUM: Final = struct.Struct("<I")
_SIGNALS: Final = ("traces", "logs")


class DamagedRecordError(RvbbitOtelError):
    """A body that is not what was written."""


@dataclass(frozen=True)
class Record:
    """The position of a record's body in its file, and the values of its head; `whole` is false if the body is
    damaged.
    """

    start: int
    size: int
    checksum: int
    signal: str
    cost: int
    whole: bool

    @property
    def end(self) -> int:
        """The position of the next record."""
        return self.start + self.size


def packed(request: Request) -> tuple[bytes, int]:
    """A request as a record, and the checksum of its body."""
    checksum = zlib.crc32(request.body)
    head = _HEAD.pack(0, checksum, len(request.body), request.cost, _SIGNALS.index(request.signal))
    return _CHECKSUM.pack(zlib.crc32(head[4:])) + head[4:] + request.body, checksum


def head_size() -> int:
    """Bytes of a record before its body."""
    return _HEAD.size


def read_records(file: BinaryIO) -> Iterator[Record]:
    """The records of a segment, up to the first whose head or length is not to be trusted; nothing if its first line is not ours."""
    if file.read(len(FIRST_LINE)) != FIRST_LINE:
        return
    size_of_file = os.fstat(file.fileno()).st_size
    while len(head := file.read(_HEAD.size)) == _HEAD.size:
        head_checksum, checksum, size, cost, signal = _HEAD.unpack(head)
        start = file.tell()
        if zlib.crc32(head[4:]) != head_checksum or not size or signal >= len(_SIGNALS) or start + size > size_of_file:
            return
        yield Record(start, size, checksum, _SIGNALS[signal], cost, zlib.crc32(file.read(size)) == checksum)


def read_body(descriptor: int, start: int, size: int, checksum: int) -> bytes:
    """A body from an open segment; raises DamagedRecordError where it is not what was written, and OSError."""
    body = os.pread(descriptor, size, start)
    if len(body) != size or zlib.crc32(body) != checksum:
        raise DamagedRecordError(f"a request of {size} bytes in the journal is damaged")
    return body
