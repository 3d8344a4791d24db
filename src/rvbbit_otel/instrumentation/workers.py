"""Threads that live on: what a thread inherited holds for the work it was started for, not for what it takes up later.

A thread is started with the context of whoever starts it, which is right for a job, and wrong for a worker that others give work to afterwards: it
would credit all of that to the first. A worker shows itself when it takes from a queue after that caller or session is over.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any, Final

from opentelemetry.context import attach, get_current

from rvbbit_otel.instrumentation.patching import Patches
from rvbbit_otel.instrumentation.spans import without_span
from rvbbit_otel.propagation import lease_of, session_of, without_attribution
from rvbbit_otel.registry import EchoRegistry
from rvbbit_otel.telemetry import Counters

# Where OpenTelemetry's instrumentation of threads keeps the context that a thread was started with.
_INHERITED: Final = "_otel_context"


class Workers:
    """Takes from a worker what it inherited, once that is over."""

    def __init__(self, patches: Patches, registry: EchoRegistry, counters: Counters) -> None:
        """Nothing wrapped yet."""
        self._patches = patches
        self._registry = registry
        self._counters = counters
        self._on = True

    def install(self) -> None:
        """Wrap the queues of Python's `queue`."""
        self._patches.put(queue, "Queue.get", lambda plain, bound: self._got)

    def remove(self) -> None:
        """Do nothing any more."""
        self._on = False

    def _got(self, wrapped: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
        item = wrapped(*args, **kwargs)
        if self._on:
            try:
                self._let_go()
            except Exception as error:  # noqa: BLE001 - the host gets its item whatever we find
                self._counters.error("workers.get", error)
        return item

    def _let_go(self) -> None:
        context = get_current()
        thread = threading.current_thread()
        # Not within a session that the thread has begun, nor in a pool: its loop takes from another kind of queue, and a task knows whose it is.
        if context is not getattr(thread, _INHERITED, None) or _is_of_a_pool(thread):
            return
        session_id = session_of(context)
        echo = self._registry.get(session_id) if session_id is not None else None
        session_over = session_id is not None and (echo is None or echo.ended is not None)
        if session_over or getattr(lease_of(context), "ended", False):
            attach(without_span(without_attribution(context)))


def _is_of_a_pool(thread: threading.Thread) -> bool:
    return getattr(getattr(thread, "_target", None), "__module__", None) == "concurrent.futures.thread"
