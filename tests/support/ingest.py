"""An engine that does as it is told, for what stands in front of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from rvbbit_otel.all_in_one.ingest.ingest import Ingest
from rvbbit_otel.all_in_one.ingest.quarantine import Kept, Quarantine
from rvbbit_otel.all_in_one.ingest.storing import Storing
from rvbbit_otel.all_in_one.ingest.trial import Fault
from rvbbit_otel.all_in_one.journal import Journal, Sync
from rvbbit_otel.all_in_one.otlp.requests import Request
from rvbbit_otel.counters import Counters
from rvbbit_otel.storage.database import Result

MIB = 1024 * 1024


class FakeEngine:
    """Keeps what is inserted; `behave` may raise or wait first."""

    def __init__(self, behave: Callable[[bytes], None] = lambda body: None) -> None:
        self.inserted: list[bytes] = []
        self.behave = behave

    def insert(self, statement: str, body: bytes, format_name: str) -> None:
        self.behave(body)
        self.inserted.append(body)

    def query(self, sql: str, parameters: Mapping[str, object] | None = None) -> Result:
        raise AssertionError("nobody asks")


class Trials:
    """Says of each request what it was told to, and keeps what it was asked."""

    def __init__(self, *faults: Fault) -> None:
        self.faults = list(faults)
        self.asked: list[bytes] = []

    def __call__(self, statement: str, request: Request) -> Fault:
        self.asked.append(request.body)
        return self.faults.pop(0)


class Held:
    """An engine's behaviour: the first insert waits until `go`, and from then on `then` says what happens."""

    def __init__(self, then: Callable[[bytes], None] = lambda body: None) -> None:
        self.go, self.started, self.then = threading.Event(), threading.Event(), then

    def __call__(self, body: bytes) -> None:
        if not self.started.is_set():
            self.started.set()
            assert self.go.wait(10)
            return
        self.then(body)


def request(body: bytes, cost: int = 1, signal: str = "traces") -> Request:
    return Request(signal, body, cost)


class Door:
    """An ingest over a folder."""

    def __init__(self, folder: Path, engine: FakeEngine, faults: list[Fault], max_queued: int, limit: int) -> None:
        self.engine = engine
        self.counters = Counters()
        self.told: list[list[str]] = []
        self.journal = Journal(folder / "journal", limit, Sync.NONE, lambda text: None)
        self.quarantine = Quarantine(folder / "quarantine", self.tell)
        storing = Storing(engine, self.counters, Trials(*faults))  # type: ignore[arg-type]
        self.ingest = Ingest(self.journal, storing, self.quarantine, self.counters, max_queued)

    def tell(self, kept: list[Kept]) -> None:
        self.told.append([each.reason for each in kept])

    def answered(self, *bodies: bytes) -> list[type]:
        futures = [self.ingest.submit(request(body)) for body in bodies]
        return [type(future.exception(10)) for future in futures]

    def stored(self) -> None:
        """When all that was answered is."""
        self.ingest.all_so_far().result(10)

    def close(self) -> None:
        self.ingest.close(10)
        self.journal.checkpoint()
        self.journal.close()


@contextmanager
def door(
    folder: Path,
    behave: Callable[[bytes], None] = lambda body: None,
    faults: tuple[Fault, ...] = (),
    max_queued: int = 10 * MIB,
    limit: int = 100 * MIB,
) -> Iterator[Door]:
    opened = Door(folder, FakeEngine(behave), list(faults), max_queued, limit)
    yield opened
    opened.close()
