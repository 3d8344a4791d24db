"""One file of the journal. It is written from its begin to its end, and removed as a whole."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from rvbbit_otel.all_in_one.journal.records import FIRST_LINE, Record, packed, read_body, read_records
from rvbbit_otel.all_in_one.otlp.requests import Request
from rvbbit_otel.errors import StoreCorruptError

SUFFIX, DAMAGED_SUFFIX = ".journal", ".damaged"
_OF_ANY_VERSION = b"rvbbit-otel journal "


class Segment:
    """An open file of records. `waiting` is how many of them are not stored yet."""

    def __init__(self, path: Path, descriptor: int, end: int) -> None:
        """Use `Segment.new` or `Segment.found`."""
        self.path = path
        self.end = end
        self.waiting = 0
        self.damaged = False
        self._descriptor = descriptor

    @classmethod
    def new(cls, folder: Path, number: int) -> Segment:
        """An empty one. Raises OSError."""
        path = folder / f"{number:08d}{SUFFIX}"
        segment = cls(path, os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), 0)
        try:
            segment._write(FIRST_LINE)
        except OSError:
            segment.close()
            path.unlink()
            raise
        return segment

    @classmethod
    def found(cls, path: Path) -> tuple[Segment, list[Record], int]:
        """One that an earlier process left, its whole records, and how many bytes behind the last of them are left out.

        Those were not answered, where each answer waited for the disk: the process, or the machine, ended while they were written. A record that is
        damaged and has whole ones behind it was answered: it is left out too, and the file is kept.

        Raises StoreCorruptError for one of a newer version.
        """
        with path.open("rb") as file:
            first = file.read(len(FIRST_LINE))
            file.seek(0)
            records = list(read_records(file))
        if first.startswith(_OF_ANY_VERSION) and not FIRST_LINE.startswith(first):
            raise StoreCorruptError(
                f"{path} was written by a newer version of rvbbit-otel: start that one, and stop it, which stores what waits"
            )
        while records and not records[-1].whole:
            records.pop()
        segment = cls(path, os.open(path, os.O_RDONLY), records[-1].end if records else len(first))
        segment.damaged = not (FIRST_LINE.startswith(first) and all(record.whole for record in records))
        return segment, [record for record in records if record.whole], path.stat().st_size - segment.end

    @property
    def number(self) -> int:
        """Its place among the others."""
        return int(self.path.stem)

    def append(self, requests: Sequence[Request]) -> list[Record]:
        """Write requests at the end; raises OSError, and then none of them is there."""
        records, pieces, at = [], [], self.end
        for request in requests:
            piece, checksum = packed(request)
            size = len(request.body)
            records.append(Record(at + len(piece) - size, size, checksum, request.signal, request.cost, True))
            pieces.append(piece)
            at += len(piece)
        self._write(b"".join(pieces))
        self.waiting += len(records)
        return records

    def read(self, start: int, size: int, checksum: int) -> bytes:
        """A body; raises DamagedRecordError or OSError."""
        return read_body(self._descriptor, start, size, checksum)

    def fileno(self) -> int:
        """The open file."""
        return self._descriptor

    def close(self) -> None:
        """Read and write no more."""
        os.close(self._descriptor)

    def remove(self) -> None:
        """Close it and remove it; one with a damaged record is kept under another name."""
        self.close()
        if self.damaged:
            self.path.rename(self.path.with_suffix(DAMAGED_SUFFIX))
        else:
            self.path.unlink(missing_ok=True)

    def _write(self, data: bytes) -> None:
        try:
            left, at = memoryview(data), self.end
            while left:
                written = os.pwrite(self._descriptor, left, at)
                left, at = left[written:], at + written
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self.end)
            raise
        self.end += len(data)


def left_by_others(folder: Path) -> Iterable[Path]:
    """The segments in a folder, oldest first."""
    return sorted(folder.glob(f"[0-9]*{SUFFIX}"))
