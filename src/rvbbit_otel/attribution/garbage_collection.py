"""Tell whether Python's garbage collector is running on this thread: it closes generators and runs finalizers in the
middle of whatever it interrupted.

Two things follow. A generator that is closed so is not closed by whoever drives it, so its frame must say whose it is. And before Python 3.12 a
context variable that is set there can end the process, where the collector interrupted the setting of another: so it is set in a copy of the context.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from contextvars import copy_context
from threading import get_ident
from typing import Any, Final, TypeVar

from rvbbit_otel.counters import failed

_Result = TypeVar("_Result")
_threads: Final[list[int]] = []
_afterwards: Final[list[Callable[[], None]]] = []
_UNSAFE: Final = sys.version_info < (3, 12)


def collecting() -> bool:
    """Return whether the garbage collector is running on this thread."""
    return bool(_threads) and _threads[-1] == get_ident()


def apart(function: Callable[..., _Result], *args: Any, **kwargs: Any) -> _Result:
    """Call a function; where the collector runs, in a copy of the context, which nobody was about to change."""
    elsewhere = None
    try:
        if _UNSAFE and collecting():
            elsewhere = copy_context()
    except Exception as error:  # noqa: BLE001 - it is called all the same
        failed("collecting", error)
    return function(*args, **kwargs) if elsewhere is None else elsewhere.run(function, *args, **kwargs)


def afterwards(action: Callable[[], None]) -> None:
    """Do something when the collector has run, at once where it does not run."""
    if collecting():
        _afterwards.append(action)
    else:
        action()


def watch() -> Callable[[], None]:
    """Look at the collector from here on; call what is returned to end that."""
    if _note not in gc.callbacks:
        gc.callbacks.append(_note)

    def end() -> None:
        if _note in gc.callbacks:
            gc.callbacks.remove(_note)
        _threads.clear()

    return end


def _note(phase: str, info: dict[str, int]) -> None:
    try:
        if phase == "start":
            _threads.append(get_ident())
        elif _threads:
            _threads.pop()
            while _afterwards:
                _afterwards.pop()()
    except Exception as error:  # noqa: BLE001 - Python calls this
        failed("collecting", error)
