"""An engine that does as it is told, for what stands in front of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from rvbbit_otel.all_in_one.ingest.trial import Fault
from rvbbit_otel.all_in_one.otlp.requests import Request
from rvbbit_otel.storage.database import Result


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
