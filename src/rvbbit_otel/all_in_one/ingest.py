"""What came in by OTLP goes into the engine in groups, and is acknowledged when it is stored.

Serialized requests can be put one after another: the result is one valid request. So what waits is stored by one insert, without a look at any span.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass, field
from functools import partial

from rvbbit_otel.all_in_one.engine import Engine
from rvbbit_otel.all_in_one.engine_error import EngineError
from rvbbit_otel.all_in_one.otlp_requests import MAX_COST, Request, UnreadableBodyError
from rvbbit_otel.all_in_one.trial import Fault, find_fault
from rvbbit_otel.errors import StoreUnavailableError
from rvbbit_otel.storage.files import read
from rvbbit_otel.storage.otlp import logs_insert, traces_insert
from rvbbit_otel.telemetry import Counters

# Bytes of one insert: about 60,000 spans, a second of the engine's time. A small group wastes the 50 ms that any insert costs, and leaves more
# parts to merge: 48 us of processor a span by groups of 8 MiB, 30 by these, on a busy machine (ADR 60).
_GROUP_BYTES = 32 * 1024 * 1024
# Seconds for which an error that was found to be the store's is taken for the store's again, without another trial: that takes longer than an
# insert, and where the store is what fails there is one error after another.
_FAULT_SECONDS = 10.0

FindFault = Callable[[str, Request], Fault]


@dataclass
class _Waiting:
    request: Request
    done: Future[bool] = field(default_factory=Future)

    @property
    def size(self) -> int:
        return len(self.request.body)


class Ingest:
    """A bounded queue in front of the engine's one writer."""

    def __init__(
        self,
        engine: Engine,
        max_queued: int,
        counters: Counters,
        find: FindFault | None = None,
        after: Callable[[], None] = lambda: None,
    ) -> None:
        """Start the thread that stores. `find` says what is the matter where an insert failed: `trial` unless it is given.

        `after` is called when something is stored, before its senders hear of it; it raises nothing.
        """
        self._after = after
        self._engine = engine
        self._max_queued = max_queued
        self._counters = counters
        self._find = find or partial(find_fault, engine)
        self._waiting: deque[_Waiting] = deque()
        self._queued = 0
        self._closed = False
        self._changed = threading.Condition()
        self._rejections = 0
        # The engine's code, what was the matter, and until when that is taken to hold.
        self._known: tuple[int, Fault, float] = (0, Fault.STORE, 0.0)
        self._inserts = {"traces": traces_insert(), "logs": logs_insert()}
        self._thread = threading.Thread(target=self._work, name="rvbbit-ingest", daemon=True)
        self._thread.start()

    def submit(self, request: Request) -> Future[bool]:
        """Take a request; the future is done when it is stored, or holds why it can't be: UnreadableBodyError or StoreUnavailableError.

        Its result is whether the tables left anything out of what was stored with it, so that a look at it is worth while (`left_out`).

        Raises StoreUnavailableError if too much waits already.
        """
        item = _Waiting(request)
        if not request.body:
            item.done.set_result(False)
            return item.done
        with self._changed:
            if self._closed:
                self._counters.add("refused.closing")
                raise StoreUnavailableError("the store is closing: send it again later")
            if self._queued + item.size > self._max_queued:
                self._counters.add("refused.queue_full")
                raise StoreUnavailableError("too much waits to be stored: send it again later")
            self._queued += item.size
            self._waiting.append(item)
            self._changed.notify()
        return item.done

    @property
    def queued_bytes(self) -> int:
        """Bytes that wait to be stored."""
        return self._queued

    def close(self) -> None:
        """Take nothing more, and return when all that was taken is stored."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._closed:
                    self._changed.wait()
                if not self._waiting:
                    return
                group = self._next_group()
            try:
                self._store(group)
            except Exception as error:  # noqa: BLE001 - those behind it are still to be stored, whatever it is
                for item in group:
                    self._fail(item, error)
            with self._changed:
                self._queued -= sum(item.size for item in group)

    def _next_group(self) -> list[_Waiting]:
        group = [self._waiting.popleft()]
        size, cost = group[0].size, group[0].request.cost
        while self._waiting and self._waiting[0].request.signal == group[0].request.signal:
            size += self._waiting[0].size
            cost += self._waiting[0].request.cost
            if size > _GROUP_BYTES or cost > MAX_COST:
                break
            group.append(self._waiting.popleft())
        return group

    def _store(self, group: list[_Waiting]) -> None:
        error = self._inserted(group)
        if error is not None and len(group) == 1:
            self._fail(group[0], error, self._fault(group[0].request, error))
        elif error is not None:
            self._store_each(group)

    def _store_each(self, group: list[_Waiting]) -> None:
        """Of what failed together, each alone: its neighbours must not suffer for what one is, or for the damaged part that one meets.

        What of the group was stored already is not stored twice.
        """
        self._counters.add("split.insert_failed")
        for number, item in enumerate(group):
            error = self._inserted([item])
            if error is None:
                continue
            fault = self._fault(item.request, error)
            self._fail(item, error, fault)
            if fault is Fault.MACHINE:
                for other in group[number + 1 :]:
                    self._fail(other, error, fault)
                return

    def _inserted(self, group: list[_Waiting]) -> Exception | None:
        """Store a group by one insert and say so to its senders; gives what the engine raised instead, if it did."""
        body = b"".join(item.request.body for item in group)
        try:
            self._engine.insert(self._inserts[group[0].request.signal], body, "ProtobufSingle")
        except Exception as error:  # noqa: BLE001 - judged by whoever asked
            return error
        self._after()
        some_left_out = self._some_left_out()
        self._counters.add(f"stored.{group[0].request.signal}", len(group))
        for item in group:
            _settle(item.done, some_left_out)
        return None

    def _some_left_out(self) -> bool:
        """Whether the engine left anything out of the last insert; only then is anybody's request looked at span by span."""
        try:
            seen = int(str(self._engine.query(read("count_rejections.sql")).rows[0][0]))
        except Exception as error:  # noqa: BLE001 - what is stored is stored; then everybody looks
            self._counters.error("count_rejections", error)
            return True
        before, self._rejections = self._rejections, seen
        return seen != before

    def _fault(self, request: Request, error: Exception) -> Fault:
        self._counters.error("ingest", error)
        if not isinstance(error, EngineError):
            return Fault.STORE
        code, fault, until = self._known
        if code == error.code and time.monotonic() < until:
            return fault
        fault = self._find(self._inserts[request.signal], request)
        if fault is not Fault.REQUEST:
            self._known = error.code, fault, time.monotonic() + _FAULT_SECONDS
        return fault

    def _fail(self, item: _Waiting, error: Exception, fault: Fault = Fault.STORE) -> None:
        final = fault is Fault.REQUEST
        self._counters.add("refused.for_good" if final else "refused.not_stored")
        # The engine's own words name files of this machine: they are for the log.
        code = f" (engine code {error.code})" if isinstance(error, EngineError) else ""
        if final:
            _settle(item.done, UnreadableBodyError(f"no store can take this body{code}: don't send it again"))
        else:
            _settle(item.done, StoreUnavailableError(f"the store can't take it now{code}: send it again later"))


def _settle(done: Future[bool], outcome: bool | Exception) -> None:
    """Give the sender its answer, if it still waits for one."""
    try:
        if isinstance(outcome, Exception):
            done.set_exception(outcome)
        else:
            done.set_result(outcome)
    except InvalidStateError:
        pass  # It was cancelled: nobody waits.
