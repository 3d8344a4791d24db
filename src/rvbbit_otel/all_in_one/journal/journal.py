"""The requests that are answered and not yet rows, in segments; what an earlier process left is among them."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rvbbit_otel.all_in_one.journal.records import DamagedRecordError, Record, head_size
from rvbbit_otel.all_in_one.journal.segment import DAMAGED_SUFFIX, Segment, left_by_others
from rvbbit_otel.all_in_one.otlp.requests import Request
from rvbbit_otel.all_in_one.syncing import Sync, make_folder, sync_file, sync_file_system, sync_folder
from rvbbit_otel.errors import StoreUnavailableError

# Bytes of a segment at most, but for a request that is larger: what is written when it is full goes into the next.
_SEGMENT_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True)
class Entry:
    """A request in the journal. `number` counts up from one in this process, in the order in which requests were answered."""

    number: int
    segment: Segment
    record: Record

    @property
    def signal(self) -> str:
        """``traces`` or ``logs``."""
        return self.record.signal

    @property
    def size(self) -> int:
        """Bytes of its body."""
        return self.record.size

    @property
    def cost(self) -> int:
        """The estimated cost of storing it, as Request.cost."""
        return self.record.cost

    @property
    def name(self) -> str:
        """The same in every process that finds it."""
        return f"{self.segment.number:08d}-{self.record.start:08d}"


class Journal:
    """A folder of segments. `append` is for one thread; `read`, `settle` and `checkpoint` may be called by others beside it."""

    def __init__(self, folder: Path, limit: int, sync: Sync, tell: Callable[[str], None]) -> None:
        """Read what is there; `found` holds it. `limit` is the most bytes on the disk. Raises OSError, StoreCorruptError."""
        make_folder(folder)
        self.limit = limit
        self.sync = sync
        self._folder = folder
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._segments: list[Segment] = []
        self._waiting_bytes = 0
        # Set when half of the room is used: what is stored should leave now.
        self.crowded = threading.Event()
        self.found: list[Entry] = []
        for path in left_by_others(folder):
            self._take_over(path, tell)
        self.damaged = sorted(path.name for path in folder.glob(f"*{DAMAGED_SUFFIX}"))
        for name in self.damaged:
            tell(f"DAMAGED: {folder / name} holds requests that were answered and can't be read any more")
        numbers = [segment.number for segment in self._segments]
        self._next_segment = max([*numbers, *(int(Path(name).stem) for name in self.damaged), 0]) + 1
        # What this process writes goes into files of its own.
        self._current: Segment | None = None

    @property
    def waiting_bytes(self) -> int:
        """Bytes of requests that are not settled."""
        return self._waiting_bytes

    @property
    def disk_bytes(self) -> int:
        """Bytes of all files."""
        with self._lock:
            return sum(segment.end for segment in self._segments)

    def append(self, requests: Sequence[Request]) -> list[Entry]:
        """Write requests, as safely as was chosen; raises StoreUnavailableError where there is no room, OSError where the disk refuses."""
        size = sum(len(request.body) + head_size() for request in requests)
        self._check_room(size)
        with self._lock:
            segment = self._current
            if segment is None or segment.end + size > _SEGMENT_BYTES:
                segment = self._new_segment()
            records = segment.append(requests)
            self._waiting_bytes += sum(record.size for record in records)
        entries = [Entry(next(self._numbers), segment, record) for record in records]
        try:
            if self.sync is not Sync.NONE:
                sync_file(segment.fileno())
        except OSError:
            # Whether they are on the disk, nobody knows. Their senders are asked to come again, and what is written next goes elsewhere.
            self.settle(entries)
            self._current = None
            raise
        return entries

    def read(self, entry: Entry) -> bytes:
        """The body of a request; raises DamagedRecordError or OSError."""
        record = entry.record
        try:
            return entry.segment.read(record.start, record.size, record.checksum)
        except DamagedRecordError:
            entry.segment.damaged = True
            raise

    def settle(self, entries: Iterable[Entry]) -> None:
        """These are rows, or stand elsewhere: they need not be kept."""
        with self._lock:
            for entry in entries:
                entry.segment.waiting -= 1
                self._waiting_bytes -= entry.size

    def turn(self) -> None:
        """Go on in a new segment, so that the last one leaves when all of it is settled."""
        with self._lock:
            self._current = None

    def checkpoint(self) -> None:
        """Remove what is settled, once its rows are on the disk themselves. Takes time. Raises OSError."""
        with self._lock:
            if self._current is not None and not self._current.waiting:
                self._current = None
            done = [each for each in self._segments if not each.waiting and each is not self._current]
        if not done:
            return
        if self.sync is not Sync.NONE:
            sync_file_system(self._folder)
        with self._lock:
            self._segments = [each for each in self._segments if each not in done]
        for segment in done:
            segment.remove()

    def close(self) -> None:
        """Close the files; what is not settled is found by the next process."""
        with self._lock:
            for segment in self._segments:
                segment.close()
            self._segments.clear()

    def _take_over(self, path: Path, tell: Callable[[str], None]) -> None:
        segment, records, cut = Segment.found(path)
        if cut:
            tell(
                f"the last {cut} bytes of the journal's {path.name} are no whole request, and are left out: it was not written to its end"
            )
        entries = [Entry(next(self._numbers), segment, record) for record in records]
        segment.waiting = len(entries)
        self._waiting_bytes += sum(entry.size for entry in entries)
        self.found += entries
        self._segments.append(segment)

    def _new_segment(self) -> Segment:
        segment = Segment.new(self._folder, self._next_segment)
        self._next_segment += 1
        if self.sync is not Sync.NONE:
            sync_folder(self._folder)
        self._segments.append(segment)
        self._current = segment
        return segment

    def _check_room(self, size: int) -> None:
        wanted = self.disk_bytes + size
        if 2 * wanted > self.limit:
            self.crowded.set()
        if wanted > self.limit:
            raise StoreUnavailableError("too much waits to be stored: send it again later")
        disk = os.statvfs(self._folder)
        # What waits is to be stored yet, and an insert goes by a file: so it must fit once more.
        if disk.f_bavail * disk.f_frsize < 2 * (self._waiting_bytes + size):
            raise StoreUnavailableError("the disk is nearly full: send it again later")
