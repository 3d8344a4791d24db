"""Name the current line of execution (a thread, a task, a greenlet, a callback), never by a thread's identity, which
is used again.
"""

from __future__ import annotations

import dis
import sys
import threading
from contextvars import ContextVar, Token
from types import FrameType
from typing import Any, Final

from rvbbit_otel.counters import failed

# What a coroutine is at while another one runs that it awaits.
_AWAITING: Final = frozenset({"SEND", "YIELD_FROM"})


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
        """True if the current code runs in this line of execution."""
        if self._frame is not here.frames[-1]:
            return False
        try:
            _probe.reset(self._token)
        except (ValueError, RuntimeError):
            return False
        self._token = _probe.set(None)
        return True


# Of what will begin elsewhere. To note the line that hands it over would keep the context of that, and so each that it was handed over from.
NOWHERE: Final = Line()
NOWHERE._frame = object()


def is_driven_by_hand(frame: FrameType | None) -> bool:
    """Whether the coroutine that runs in this frame is awaited by no task of asyncio or trio: it then shares its line with whoever sends it on."""
    try:
        driven = _coroutine_of_task()
        if driven is None:
            return True
        own = getattr(driven, "cr_frame", getattr(driven, "gi_frame", None))
        if own is None:
            return False  # A task whose coroutine is no Python's: what is in it is not seen.
        while frame is not None and frame is not own:
            frame = frame.f_back
            if frame is None or not _is_awaiting(frame):
                return True
        return frame is None
    except Exception as error:  # noqa: BLE001 - then a block holds for its frame, and for nothing else of the line
        failed("lines.driven", error)
        return True


def _is_awaiting(frame: FrameType) -> bool:
    code, at = frame.f_code.co_code, frame.f_lasti
    while at > 0 and dis.opname[code[at]] == "CACHE":  # Python 3.12 stands behind the instruction.
        at -= 2
    return dis.opname[code[at]] in _AWAITING


def _coroutine_of_task() -> object:
    asyncio, trio = sys.modules.get("asyncio"), sys.modules.get("trio")
    if asyncio is not None and asyncio._get_running_loop() is not None:
        task = asyncio.current_task()
        return None if task is None else task.get_coro()
    try:
        return None if trio is None else trio.lowlevel.current_task().coro
    except RuntimeError:  # None of its tasks runs here.
        return None
