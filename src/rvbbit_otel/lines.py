"""Which line of execution this is: a thread, a task, a greenlet, a callback; never by a thread's identity, which is used again."""

from __future__ import annotations

import threading
from contextvars import ContextVar, Token
from typing import Any, Final


class _Local(threading.local):
    def __init__(self) -> None:
        self.frames: list[object] = [object()]
        # The queries that it runs, as `queries` knows them. Kept here, since each look into another thread-local costs a UDF.
        self.running: list[Any] = []


# The calls of UDFs that this thread is in. Each is a line of its own: a caller that it sets nests, and can't replace the one around. A list and no
# `with`: this runs for every call of a UDF.
here: Final = _Local()
# Python gives each task, greenlet, thread and callback a contextvars.Context of its own, and tells them apart when a token is given back.
_probe: Final[ContextVar[None]] = ContextVar("rvbbit_line", default=None)


class Line:
    """The line of execution that made it."""

    __slots__ = ("_frame", "_token")

    def __init__(self) -> None:
        """This one."""
        self._frame = here.frames[-1]
        self._token: Token[None] = _probe.set(None)

    @property
    def here(self) -> bool:
        """Whether it is the one that asks."""
        if self._frame is not here.frames[-1]:
            return False
        try:
            _probe.reset(self._token)
        except (ValueError, RuntimeError):
            return False
        self._token = _probe.set(None)
        return True
