"""Write OTLP requests to the journal, acknowledge them, and store them in groups behind (ADR 25).

Serialized requests can be put one after another: the result is one valid request. So what waits is stored by one insert, without a look at any span.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future

from rvbbit_otel.all_in_one.ingest.progress import Progress
from rvbbit_otel.all_in_one.ingest.quarantine import Quarantine
from rvbbit_otel.all_in_one.ingest.storing import Failure, Storing
from rvbbit_otel.all_in_one.ingest.trial import Fault
from rvbbit_otel.all_in_one.journal import DamagedRecordError, Entry, Journal, JournalWriter
from rvbbit_otel.all_in_one.otlp.costs import MAX_COST
from rvbbit_otel.all_in_one.otlp.requests import Request, prepared
from rvbbit_otel.counters import Counters
from rvbbit_otel.errors import RvbbitOtelError, StoreUnavailableError

# Bytes of one insert: about 60,000 spans, a second of the engine's time. A small group wastes what any insert costs, and leaves more parts to merge:
# 48 us of processor a span by groups of 8 MiB, 30 by these, on a busy machine (ADR 60).
_GROUP_BYTES = 32 * 1024 * 1024
# Seconds until an insert is tried again where nothing can be stored: no disk, no memory. Twice that the next time, up to the second.
_FIRST_PAUSE, _LAST_PAUSE = 0.2, 5.0


class Ingest:
    """The journal, and the thread that stores what is in it."""

    def __init__(
        self,
        journal: Journal,
        storing: Storing,
        quarantine: Quarantine,
        counters: Counters,
        max_queued: int,
    ) -> None:
        """Start the threads; what the journal holds already is stored first. `max_queued` bounds the bytes that wait to be written."""
        self.journal = journal
        self._storing = storing
        self.quarantine = quarantine
        self._counters = counters
        self._progress = Progress()
        self._changed = threading.Condition()
        self._waiting: dict[str, deque[Entry]] = {"traces": deque(), "logs": deque()}
        self._closing: float | None = None
        self._pause = 0.0
        self._paused_until = 0.0
        self._put(journal.found)
        self._writer = JournalWriter(journal, max_queued, self._put, counters)
        self._thread = threading.Thread(target=self._work, name="rvbbit-ingest", daemon=True)
        self._thread.start()

    def submit(self, request: Request) -> Future[None]:
        """Take a request; the future is done when it is in the journal, or holds StoreUnavailableError.

        Raises StoreUnavailableError if too much waits already.
        """
        if not request.body:
            done: Future[None] = Future()
            done.set_result(None)
            return done
        return self._writer.submit(request)

    def all_so_far(self) -> Future[None]:
        """Done when all that was answered until now is rows, or in the quarantine.

        It fails with StoreUnavailableError where nothing can be stored now.
        """
        future = self._progress.all_so_far()
        if self._pause and not future.done():
            self._progress.give_up(_stuck())
        return future

    @property
    def stuck(self) -> bool:
        """Whether nothing can be stored now: no disk, no memory."""
        return bool(self._pause)

    def retry(self, names: Iterable[str]) -> int:
        """Try what is in the quarantine under these names again, soon. How many there are."""
        found = self.quarantine.retry(names)
        with self._changed:
            self._changed.notify()
        return found

    def close(self, seconds: float) -> None:
        """Take nothing more, store what waits for so long, and leave the rest to the next process."""
        self._writer.close()
        with self._changed:
            self._closing = time.monotonic() + seconds
            self._changed.notify()
        self._thread.join()
        self._progress.give_up(StoreUnavailableError("the store is closing"))

    def _put(self, entries: Sequence[Entry]) -> None:
        self._progress.add(entry.number for entry in entries)
        with self._changed:
            for entry in entries:
                self._waiting[entry.signal].append(entry)
            self._changed.notify()

    def _work(self) -> None:
        while self._wait():
            try:
                if group := self._next_group():
                    self._store(group)
                else:
                    self._store_kept()
            except Exception as error:  # noqa: BLE001 - what waits behind it is still to be stored, whatever it is
                self._counters.error("ingest", error)
                self._hold()

    def _wait(self) -> bool:
        """Until there is something to do; False if there is nothing more to do."""
        with self._changed:
            while True:
                now = time.monotonic()
                waits = any(self._waiting.values())
                if self._closing is not None and (not waits or self._pause or now > self._closing):
                    return False
                pause = self._paused_until - now
                due = 0.0 if waits else self.quarantine.seconds_left()
                if pause <= 0 and due == 0:
                    return True
                self._changed.wait(pause if pause > 0 else due)

    def _next_group(self) -> list[Entry]:
        """What has waited longest, and what goes in with it by one insert; nothing if nothing waits."""
        with self._changed:
            queue = min(
                (each for each in self._waiting.values() if each), key=lambda each: each[0].number, default=None
            )
            if queue is None:
                return []
            group = [queue.popleft()]
            size, cost = group[0].size, group[0].cost
            while queue:
                size += queue[0].size
                cost += queue[0].cost
                if size > _GROUP_BYTES or cost > MAX_COST:
                    break
                group.append(queue.popleft())
            return group

    def _store(self, group: Sequence[Entry]) -> None:
        left = {entry.number: entry for entry in group}
        try:
            ready = list(self._ready(group, left))
            outcomes = self._storing.store([request for _, request in ready])
            for (entry, request), failure in zip(ready, outcomes, strict=False):
                if failure is None:
                    self._pause = 0.0
                elif not self._set_aside(entry, request, failure):
                    return
                self._settle(left.pop(entry.number))
        finally:
            if left:
                with self._changed:
                    self._waiting[group[0].signal].extendleft(reversed(left.values()))

    def _ready(self, group: Sequence[Entry], left: dict[int, Entry]) -> Iterator[tuple[Entry, Request]]:
        """What of a group goes in by one insert, read and prepared. What can't be, or is nothing, is settled and taken out of `left` here."""
        cost = 0
        for entry in group:
            request = self._read(entry)
            if request is not None and request.body:
                cost += request.cost
                if cost > MAX_COST and cost > request.cost:
                    return  # It goes in with the next group: what it costs is known now.
                yield entry, request
            else:
                self._settle(left.pop(entry.number))

    def _read(self, entry: Entry) -> Request | None:
        """A request as it can be stored; None where there is none: it is damaged, or it is set aside since it can't be prepared."""
        try:
            request = Request(entry.signal, self.journal.read(entry), entry.cost)
        except DamagedRecordError as error:
            self._counters.error("journal.damaged", error)
            return None
        try:
            return prepared(request)
        except Exception as error:
            # It was answered, since it could be read: so this is a mistake of ours, and it must not be lost by it.
            self._counters.error("otlp.prepare", error)
            if not self._set_aside(entry, request, Failure(Fault.REQUEST, error)):
                raise
            return None

    def _set_aside(self, entry: Entry, request: Request, failure: Failure) -> bool:
        """Keep a request elsewhere, so that others do not wait for it; False where nothing can be stored now."""
        if failure.fault is Fault.MACHINE or self.quarantine.size + len(request.body) > self.journal.limit:
            self._hold()
            return False
        reason = "request" if failure.fault is Fault.REQUEST else "store"
        try:
            self.quarantine.put(entry.name, request, reason, failure.in_words())
        except OSError as error:
            self._counters.error("quarantine", error)
            self._hold()
            return False
        self._counters.add(f"quarantined.{reason}")
        return True

    def _store_kept(self) -> None:
        kept = self.quarantine.due()
        requests = []
        for each in kept:
            try:
                requests.append(prepared(Request(each.signal, self.quarantine.body(each), each.cost)))
            except (OSError, ValueError, TypeError, RvbbitOtelError) as error:
                self._counters.error("quarantine", error)
                self.quarantine.failed_again(each)
                return
        for each, failure in zip(kept, self._storing.store(requests), strict=False):
            if failure is None:
                self._pause = 0.0
                self.quarantine.remove([each.name])
            elif failure.fault is Fault.MACHINE:
                self._hold()
                return
            else:
                self.quarantine.failed_again(each)

    def _settle(self, entry: Entry) -> None:
        self.journal.settle([entry])
        self._progress.settle([entry.number])

    def _hold(self) -> None:
        """Try again later; whoever waits for what is not stored need not."""
        self._pause = min(self._pause * 2, _LAST_PAUSE) or _FIRST_PAUSE
        self._paused_until = time.monotonic() + self._pause
        self._progress.give_up(_stuck())


def _stuck() -> StoreUnavailableError:
    return StoreUnavailableError("what was acknowledged can't be stored now (no room on the disk, or no memory)")
