"""Requests that were answered and that the tables do not take: kept as files, so that they hold nobody up, and shown.

What the store is at fault for, as a damaged part, is tried again by itself, ever more seldom; what no store can take waits for a person.
"""

from __future__ import annotations

import json
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

from rvbbit_otel.all_in_one.otlp.requests import Request
from rvbbit_otel.all_in_one.syncing import make_folder, sync_file, sync_folder

_SUFFIX = ".request"
# Seconds until what may pass by itself is tried again; twice that the next time, up to the second.
_FIRST_SECONDS, _LAST_SECONDS = 1.0, 300.0
_NEVER = float("inf")
# Bytes that are tried again at once.
_AT_ONCE = 8 * 1024 * 1024


@dataclass
class Kept:
    """One request.

    name: the same in every process.
    reason: ``request`` where no store can take it, ``store`` where this one can't.
    error: the engine's code and name, or the kind of error.
    since: when it was first tried, ISO 8601, UTC.
    checksum: of its body.
    """

    name: str
    signal: str
    size: int
    cost: int
    reason: str
    error: str
    since: str
    checksum: int
    due: float = field(default=0.0, compare=False)
    wait: float = field(default=_FIRST_SECONDS, compare=False)


class Quarantine:
    """A folder of such requests."""

    def __init__(self, folder: Path, changed: Callable[[Sequence[Kept]], None]) -> None:
        """Read what is there; all of it that may pass is due at once. `changed` is told what there is, now and at each change; it raises nothing."""
        make_folder(folder)
        self._folder = folder
        self._changed = changed
        self._lock = threading.Lock()
        self._kept = {kept.name: kept for kept in map(_read, sorted(folder.glob(f"*{_SUFFIX}")))}
        for kept in self._kept.values():
            kept.due = 0.0 if kept.reason == "store" else _NEVER
        changed(self.all())

    def all(self) -> list[Kept]:
        """Return the requests in quarantine, oldest first."""
        with self._lock:
            return list(self._kept.values())

    @property
    def size(self) -> int:
        """Bytes of all bodies."""
        return sum(kept.size for kept in self.all())

    def put(self, name: str, request: Request, reason: str, error: str) -> None:
        """Keep a request; when this returns it is on the disk. Raises OSError.

        The same request under the same name is kept once. A journal that was empty begins to count anew: another request gets another name.
        """
        checksum = zlib.crc32(request.body)
        with self._lock:
            while name in self._kept and self._kept[name].checksum != checksum:
                name += "-again"
        size = len(request.body)
        kept = Kept(name, request.signal, size, request.cost, reason, error, _moment(time.time()), checksum)
        _write(self._folder / f"{name}{_SUFFIX}", kept, request.body)
        kept.due = time.monotonic() + kept.wait if reason == "store" else _NEVER
        with self._lock:
            self._kept[name] = kept
        self._changed(self.all())

    def due(self) -> list[Kept]:
        """Return the requests to try again now, of one signal, and not too many."""
        now, size = time.monotonic(), 0
        chosen: list[Kept] = []
        for kept in self.all():
            if kept.due <= now and (not chosen or kept.signal == chosen[0].signal):
                size += kept.size
                if chosen and size > _AT_ONCE:
                    break
                chosen.append(kept)
        return chosen

    def seconds_left(self) -> float | None:
        """Until something is due; None if nothing will be by itself."""
        first = min((kept.due for kept in self.all()), default=_NEVER)
        return None if first == _NEVER else max(first - time.monotonic(), 0.0)

    def body(self, kept: Kept) -> bytes:
        """The body; raises OSError, ValueError where the file is damaged."""
        _, body = _parts(self._folder / f"{kept.name}{_SUFFIX}")
        return body

    def failed_again(self, kept: Kept) -> None:
        """It was tried, in vain."""
        kept.wait = min(kept.wait * 2, _LAST_SECONDS)
        kept.due = time.monotonic() + kept.wait if kept.reason == "store" else _NEVER

    def remove(self, names: Iterable[str]) -> int:
        """Forget requests: they are stored, or nobody wants them. How many there were."""
        with self._lock:
            gone = [kept for name in names if (kept := self._kept.pop(name, None)) is not None]
        for kept in gone:
            (self._folder / f"{kept.name}{_SUFFIX}").unlink(missing_ok=True)
        if gone:
            self._changed(self.all())
        return len(gone)

    def replace(self, kept: Kept, request: Request) -> None:
        """Keep another body under the same name. Raises OSError."""
        with self._lock:
            if self._kept.get(kept.name) is not kept:
                return  # It is stored, or removed, meanwhile.
            kept.size, kept.checksum = len(request.body), zlib.crc32(request.body)
        _write(self._folder / f"{kept.name}{_SUFFIX}", kept, request.body)
        self._changed(self.all())

    def retry(self, names: Iterable[str]) -> int:
        """Make requests due, whatever the reason. How many there are."""
        wanted = set(names)
        found = [kept for kept in self.all() if kept.name in wanted]
        for kept in found:
            kept.due, kept.wait = 0.0, _FIRST_SECONDS
        return len(found)


def _write(path: Path, kept: Kept, body: bytes) -> None:
    about = {name: value for name, value in vars(kept).items() if name not in ("due", "wait")}
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        file.write(json.dumps(about).encode() + b"\n" + body)
        file.flush()
        sync_file(file.fileno())
    partial.replace(path)
    sync_folder(path.parent)


def _read(path: Path) -> Kept:
    try:
        return _parts(path)[0]
    except (OSError, ValueError, TypeError) as error:
        found = path.stat()
        said = f"the file can't be read: {error}"[:200]
        return Kept(path.stem, "unknown", found.st_size, 0, "damaged", said, _moment(found.st_mtime), 0)


def _parts(path: Path) -> tuple[Kept, bytes]:
    head, _, body = path.read_bytes().partition(b"\n")
    kept = Kept(**json.loads(head))
    if zlib.crc32(body) != kept.checksum:
        raise ValueError("its checksum is another")
    return kept, body


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="milliseconds")
