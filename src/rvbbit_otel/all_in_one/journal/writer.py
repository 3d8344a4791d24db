"""The thread that writes the journal: what comes while it waits for the disk is written together next."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError

from rvbbit_otel.all_in_one.journal.journal import Entry, Journal
from rvbbit_otel.all_in_one.otlp.requests import Request
from rvbbit_otel.all_in_one.syncing import Sync
from rvbbit_otel.counters import Counters
from rvbbit_otel.errors import StoreUnavailableError

# Bytes that are written at once.
_AT_ONCE = 8 * 1024 * 1024
# Seconds that `Sync.GROUP` waits for others: what a sync of a slow disk takes.
_GROUP_SECONDS = 0.005

_Item = tuple[Request, "Future[None]"]


class JournalWriter:
    """Writes requests, hands them on, and only then has their senders answered."""

    def __init__(
        self,
        journal: Journal,
        max_queued: int,
        written: Callable[[Sequence[Entry]], None],
        counters: Counters,
    ) -> None:
        """Start the thread. `max_queued` bounds the bytes in memory; `written` gets what is in the journal and raises nothing."""
        self._journal = journal
        self._max_queued = max_queued
        self._written = written
        self._counters = counters
        self._queued = 0
        self._closed = False
        self._incoming: deque[_Item] = deque()
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="rvbbit-journal", daemon=True)
        self._thread.start()

    def submit(self, request: Request) -> Future[None]:
        """Take a request; the future is done when it is in the journal, or holds StoreUnavailableError. Raises that too, where there is no room."""
        done: Future[None] = Future()
        with self._changed:
            if self._closed:
                self._counters.add("refused.closing")
                raise StoreUnavailableError("the store is closing: send it again later")
            if self._queued + len(request.body) > self._max_queued:
                self._counters.add("refused.queue_full")
                raise StoreUnavailableError("too much waits for the disk: send it again later")
            self._queued += len(request.body)
            self._incoming.append((request, done))
            self._changed.notify()
        return done

    def close(self) -> None:
        """Take nothing more, and return when what was taken is written."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        while items := self._next():
            try:
                entries = self._journal.append([request for request, _ in items])
            except Exception as error:  # noqa: BLE001 - its senders hear of it, and those behind it are still to be written
                self._refuse(items, error)
            else:
                # Whoever has an answer and asks then must find it waiting.
                self._written(entries)
                for _, done in items:
                    _settle(done)
            with self._changed:
                self._queued -= sum(len(request.body) for request, _ in items)

    def _next(self) -> list[_Item]:
        with self._changed:
            while not self._incoming and not self._closed:
                self._changed.wait()
        if self._journal.sync is Sync.GROUP and not self._closed:
            time.sleep(_GROUP_SECONDS)
        items: list[_Item] = []
        size = 0
        with self._changed:
            while self._incoming:
                size += len(self._incoming[0][0].body)
                if items and size > _AT_ONCE:
                    break
                items.append(self._incoming.popleft())
        return items

    def _refuse(self, items: Sequence[_Item], error: Exception) -> None:
        if isinstance(error, StoreUnavailableError):
            self._counters.add("refused.no_room", len(items))
            said = error
        else:
            # The system's own words name files of this machine: they are for the log.
            self._counters.error("journal", error)
            self._counters.add("refused.not_written", len(items))
            said = StoreUnavailableError("the request can't be written to the disk now: send it again later")
        for _, done in items:
            _settle(done, said)


def _settle(done: Future[None], error: Exception | None = None) -> None:
    """Let the sender have its answer, if it still waits for one."""
    try:
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)
    except InvalidStateError:
        pass  # It was cancelled: nobody waits.
