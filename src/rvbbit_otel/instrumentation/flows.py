"""Which line of execution this is, and how a context is attached to it and taken off again."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextvars import Token

from opentelemetry.context import Context, attach


class _Local(threading.local):
    def __init__(self) -> None:
        self.token = object()


_local = _Local()


def current_flow() -> object:
    """The asyncio task that runs, else the thread. Never a thread's identity: that is used again once the thread has ended."""
    if asyncio._get_running_loop() is not None:
        task = asyncio.current_task()
        if task is not None:
            return task
    return _local.token


def begin_frame() -> object:
    """What follows is a flow of its own, though it is on this thread: a caller that it sets nests, and can't replace the one around.

    Returns what `end_frame` takes. Two calls and no `with`: this runs for every call of a UDF.
    """
    before = _local.token
    _local.token = object()
    return before


def end_frame(before: object) -> None:
    """The flow around goes on."""
    _local.token = before


def enter(context: Context) -> Token[Context]:
    """Attach a context; give what it returns to `leave`."""
    return attach(context)


def leave(token: Token[Context]) -> None:
    """Put back what was there before `enter`; nothing happens in another contextvars context, where it was never attached."""
    try:
        token.var.reset(token)
    except (ValueError, RuntimeError, AttributeError):
        # A generator or a coroutine that is closed by the garbage collector, anywhere. `opentelemetry.context.detach` would log an error.
        return


class RenewedLock:
    """A lock that a forked child starts with anew: another thread may have held it at the fork, and is not there to give it back."""

    def __init__(self, register: Callable[[Callable[[], None]], None]) -> None:
        """`register` is told what to do in a forked child."""
        self._lock = threading.Lock()
        register(self._renew)

    def _renew(self) -> None:
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        """Take it."""
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        """Give it back."""
        self._lock.release()
