"""Which line of execution this is, and how a context is attached to it and taken off again."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextvars import Token
from typing import Any, Final

from opentelemetry.context import _RUNTIME_CONTEXT, Context, attach, get_current


class _Local(threading.local):
    def __init__(self) -> None:
        self.frames: list[object] = [object()]
        # The queries that it runs, as `queries` knows them. Kept here, since each look into another thread-local costs a UDF.
        self.running: list[Any] = []


# The flows that this thread is in. While something is put on top, that is a flow of its own: a caller that it sets nests, and can't replace the one
# around. A list and no `with`: this runs for every call of a UDF.
here: Final = _Local()
# The current context without the API's two calls around it, which cost a UDF a microsecond; the API's own where a runtime of another kind is set.
current_context: Final[Callable[[], Context]] = getattr(
    getattr(_RUNTIME_CONTEXT, "_current_context", None), "get", get_current
)


def current_flow() -> object:
    """The asyncio task that runs, else the thread. Never a thread's identity: that is used again once the thread has ended."""
    if asyncio._get_running_loop() is not None:
        task = asyncio.current_task()
        if task is not None:
            return task
    return here.frames[-1]


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
