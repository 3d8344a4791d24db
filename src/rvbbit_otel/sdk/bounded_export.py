"""Bound what a target that takes nothing costs the host: little memory, and little time at its end.

The SDK waits up to thirty seconds for each of its queues when a process ends, whatever becomes of the batches. A target that is down, or hangs, must
not hold up a host that is done: only one that has lately acknowledged a batch is waited for. And a queue that is large enough for a burst is much to
hold for a target that is not there: while nothing is acknowledged, it is a quarter of that (ADR 76).
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from rvbbit_otel.counters import failed
from rvbbit_otel.sdk.exit_losses import tell

# Spans that wait for a target that takes them. A query of a thousand rows is 20,000 within seconds; the SDK's default of 2,048 would drop most of
# them.
MOST_QUEUED: Final = 65_536
# Spans that wait for one that does not, 1.4 KB each; and seconds without an acknowledgement after which it is one.
_MOST_HELD: Final = 16_384
_SILENT_SECONDS: Final = 5.0
# Seconds that a queue has at least, where another one has used up the patience with another target.
_LEAST_SECONDS: Final = 0.1
_STEP_SECONDS: Final = 0.05
# Two queues that are shut down within this belong to one end.
_END_SECONDS: Final = 30.0


class Patience:
    """The time that the end of the process may wait: short, or until a target that acknowledged a batch lately falls
    silent. One for all queues.
    """

    def __init__(self, seconds: float) -> None:
        """`seconds` from the begin of the end, for a target that is silent."""
        self.seconds = seconds
        self._acknowledged = self._ending = float("-inf")

    def acknowledged(self) -> None:
        """A target has taken a batch."""
        self._acknowledged = time.monotonic()

    @property
    def is_silent(self) -> bool:
        """Whether no target has taken anything lately, or ever."""
        return time.monotonic() - self._acknowledged > _SILENT_SECONDS

    def join(self, thread: threading.Thread, most: float) -> None:
        """Wait for a thread that exports, in an end that may have begun with another one."""
        begun = time.monotonic()
        if begun - self._ending > _END_SECONDS:
            self._ending = begun
        while thread.is_alive():
            now = time.monotonic()
            over = now - self._ending > self.seconds and now - begun > _LEAST_SECONDS and self.is_silent
            if over or now - begun > most:
                return
            thread.join(_STEP_SECONDS)


class _Waited:
    """Stands for a queue's thread while the queue is shut down."""

    def __init__(self, thread: Any, patience: Patience) -> None:
        self._thread = thread
        self._patience = patience

    def join(self, timeout: float | None = None) -> None:
        try:
            self._patience.join(self._thread, 3600.0 if timeout is None else timeout)
        except Exception as error:  # noqa: BLE001 - the SDK shuts down, and what is queued may be lost
            failed("ending", error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._thread, name)


def end_with(queue: Any, patience: Patience) -> Callable[[], None]:
    """Let the SDK's queue of a batch processor end so; gives what undoes that. Raises AttributeError for one that is not what we know."""
    shutdown, _ = queue.shutdown, queue._worker_thread

    def patient(*args: Any, **kwargs: Any) -> Any:
        try:
            thread = getattr(queue, "_worker_thread", None)  # A fork makes another one.
            if thread is not None and not isinstance(thread, _Waited):
                queue._worker_thread = _Waited(thread, patience)
        except Exception as error:  # noqa: BLE001 - the SDK shuts down as it does without us
            failed("ending", error)
        first = not getattr(queue, "_shutdown", False)
        result = shutdown(*args, **kwargs)
        try:
            if first:
                tell(queue)
        except Exception as error:  # noqa: BLE001 - the process ends all the same
            failed("ending.losses", error)
        return result

    queue.shutdown = patient
    return lambda: vars(queue).pop("shutdown", None)


class Queue(deque[Any]):
    """A queue that holds less for a target that takes nothing."""

    def __init__(self, queue: deque[Any], patience: Patience, on_drop: Callable[[], None]) -> None:
        """Stands for an empty `queue` of a batch processor; `on_drop` is told of each item that is left out."""
        super().__init__(queue, queue.maxlen)
        self._patience = patience
        self._on_drop = on_drop

    def appendleft(self, item: Any) -> None:
        """Add the newest; the oldest goes where there is no room."""
        try:
            if len(self) >= _MOST_HELD and self._patience.is_silent:
                with suppress(IndexError):
                    self.pop()
                    self._on_drop()
        except Exception as error:  # noqa: BLE001 - the host's span is queued
            failed("ending.queue", error)
        super().appendleft(item)


def hold_less(queue: Any, patience: Patience) -> Callable[[], None]:
    """Put that in the place of a batch processor's queue, if it is of the size that we chose; gives what undoes that. Raises AttributeError."""
    theirs = queue._queue
    if theirs.maxlen != MOST_QUEUED:
        return lambda: None
    ours = Queue(theirs, patience, lambda: queue._metrics.drop_items(1))
    queue._queue = ours

    def undo() -> None:
        if queue._queue is ours:
            queue._queue = deque(ours, ours.maxlen)

    return undo


class Noting:
    """An exporter, which tells of each batch that its target has taken, and counts what it has now and what it gave up."""

    on_their_way = given_up = 0

    def __init__(self, inner: Any, patience: Patience) -> None:
        """`inner` does the work."""
        self.inner = inner
        self._patience = patience

    def export(self, batch: Any, *args: Any, **kwargs: Any) -> Any:
        """Export, and tell."""
        given_up = self.on_their_way = len(batch)
        try:
            result = self.inner.export(batch, *args, **kwargs)
            given_up = 0 if getattr(result, "name", "") == "SUCCESS" else given_up
        finally:
            self.given_up += given_up
            self.on_their_way = 0
        try:
            if not given_up:
                self._patience.acknowledged()
        except Exception as error:  # noqa: BLE001 - the batch has left
            failed("ending.noting", error)
        return result

    def shutdown(self) -> None:
        """Shut the exporter down."""
        self.inner.shutdown()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)
