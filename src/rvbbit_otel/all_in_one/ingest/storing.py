"""Requests into the engine: together by one insert where that goes, each alone where it does not."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from rvbbit_otel.all_in_one.engine.engine import Engine
from rvbbit_otel.all_in_one.engine.error import EngineError
from rvbbit_otel.all_in_one.ingest.trial import Fault, find_fault
from rvbbit_otel.all_in_one.otlp.requests import Request
from rvbbit_otel.counters import Counters
from rvbbit_otel.storage.otlp import logs_insert, traces_insert

# Seconds for which an error that was found to be the store's is taken for the store's again, without another trial: that takes longer than an
# insert, and where the store is what fails there is one error after another.
_FAULT_SECONDS = 10.0

FindFault = Callable[[str, Request], Fault]


@dataclass(frozen=True)
class Failure:
    """Why a request is not stored."""

    fault: Fault
    error: Exception

    def in_words(self) -> str:
        """For people, without the engine's own words: those name files of this machine, and may hold values."""
        return f"engine code {self.error.code}" if isinstance(self.error, EngineError) else type(self.error).__name__


class Storing:
    """In front of the engine. For one thread."""

    def __init__(
        self,
        engine: Engine,
        counters: Counters,
        find: FindFault | None = None,
        after: Callable[[], None] = lambda: None,
    ) -> None:
        """`find` says what is the matter where an insert failed: `trial` unless given. `after` is called after each insert; it raises nothing."""
        self._engine = engine
        self._counters = counters
        self._find = find or partial(find_fault, engine)
        self._after = after
        # The engine's code, what was the matter, and until when that is taken to hold.
        self._known: tuple[int, Fault, float] = (0, Fault.STORE, 0.0)
        self._inserts = {"traces": traces_insert(), "logs": logs_insert()}

    def store(self, requests: Sequence[Request]) -> Iterator[Failure | None]:
        """Store requests of one signal: None for each that is stored, in their order. After a failure of the machine's the rest is not tried."""
        error = self._inserted(requests) if requests else None
        if error is None:
            yield from [None] * len(requests)
        elif len(requests) == 1:
            yield self._failure(requests[0], error)
        else:
            yield from self._store_each(requests)

    def _store_each(self, requests: Sequence[Request]) -> Iterator[Failure | None]:
        """Of what failed together, each alone: its neighbours must not suffer for what one is, or for the damaged part that one meets.

        What of the group was stored already is not stored twice.
        """
        self._counters.add("split.insert_failed")
        for request in requests:
            error = self._inserted([request])
            failure = self._failure(request, error) if error is not None else None
            yield failure
            if failure is not None and failure.fault is Fault.MACHINE:
                return

    def _inserted(self, requests: Sequence[Request]) -> Exception | None:
        """Store a group by one insert; gives what the engine raised instead, if it did."""
        signal = requests[0].signal
        try:
            self._engine.insert(self._inserts[signal], b"".join(each.body for each in requests), "ProtobufSingle")
        except Exception as error:  # noqa: BLE001 - judged by whoever asked
            return error
        self._after()
        self._counters.add(f"stored.{signal}", len(requests))
        return None

    def _failure(self, request: Request, error: Exception) -> Failure:
        self._counters.error("ingest", error)
        if not isinstance(error, EngineError):
            return Failure(Fault.STORE, error)
        code, fault, until = self._known
        if code != error.code or time.monotonic() >= until:
            fault = self._find(self._inserts[request.signal], request)
            if fault is not Fault.REQUEST:
                self._known = error.code, fault, time.monotonic() + _FAULT_SECONDS
        return Failure(fault, error)
