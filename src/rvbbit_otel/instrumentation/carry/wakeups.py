"""asyncio's futures: a task that waits in a loop for futures that others complete takes its work from them.

A future is awaited by C code, which tells nobody. But the loop is asked to go on with a task, in the context of whoever completed what it waited for.
"""

from __future__ import annotations

import asyncio
import contextvars
import gc
from collections.abc import Iterator
from types import FrameType
from typing import Any, Final

from rvbbit_otel.attribution import work
from rvbbit_otel.instrumentation.carry.inherited import inherited_here, waits_for_its_own
from rvbbit_otel.instrumentation.carry.loops import loop_in
from rvbbit_otel.instrumentation.carry.owners import UNKNOWN, Owner, is_callers, owner_now, woken_by

# They wait for futures on behalf of whoever awaits them, and say nothing of their own.
_STANDING_IN: Final = frozenset({"asyncio.tasks", "asyncio.timeouts", "asyncio.futures"})
# Where a coroutine, a generator and an asynchronous one keep their frame, and what they await.
_FRAMES: Final = ("cr_frame", "gi_frame", "ag_frame")
_AWAITED: Final = ("cr_await", "gi_yieldfrom", "ag_await")
# Steps of asynchronous generators, and what stands between two coroutines.
_STEPS: Final = frozenset({"async_generator_asend", "async_generator_athrow", "anext_awaitable", "coroutine_wrapper"})


def wakes(args: Any, kwargs: Any) -> None:
    """Whoever works here lets a loop call something in a context of another: a task that waited for that goes on, or a callback of asyncio's own."""
    context = kwargs.get("context")
    if context is None or not args:
        return
    callback = args[0]
    task = getattr(callback, "__self__", None)
    if not isinstance(task, asyncio.Task):
        if _is_asyncios(callback):  # What it does for one future when another is done is by whoever completed that.
            context.run(woken_by.set, owner_now() or UNKNOWN)
    elif "wakeup" in getattr(callback, "__name__", ""):
        waker = owner_now()
        if waker is not None and waker != UNKNOWN:
            _wake(context, task, waker)


def _wake(context: contextvars.Context, task: asyncio.Task[Any], waker: Owner) -> None:
    try:
        context.run(_go_on, task, waker)
    except RuntimeError as error:
        if "already entered" not in str(error):
            raise
        # Two tasks of the host's share a context, and this one runs: nothing came from elsewhere.


def _go_on(task: asyncio.Task[Any], waker: Owner) -> None:
    """A task goes on, in whose context this runs."""
    inherited = inherited_here()
    if inherited is None or is_callers(inherited, waker) or not inherited.holds:
        return
    waiting = [frame for frame in _suspended(task.get_coro()) if frame.f_globals.get("__name__") not in _STANDING_IN]
    if waiting and not waits_for_its_own(waiting[-1]):
        loop = loop_in(reversed(waiting), any_kind=True)
        if loop is not None:
            work.let_go(inherited, loop)


def _suspended(awaited: Any) -> Iterator[FrameType]:
    """The frames of a coroutine that is suspended, and of what it awaits, the innermost last."""
    while awaited is not None:
        frame = _first(awaited, _FRAMES)
        if frame is not None:
            yield frame
            awaited = _first(awaited, _AWAITED)
        else:
            awaited = _behind(awaited)


def _first(of: Any, names: tuple[str, ...]) -> Any:
    return next((found for name in names if (found := getattr(of, name, None)) is not None), None)


def _behind(awaited: Any) -> Any:
    """What a step of an asynchronous generator, which does not name that, is a step of; None where there is nothing of Python behind it."""
    if type(awaited).__name__ not in _STEPS:
        return None
    return next(
        (
            each
            for each in gc.get_referents(awaited)
            if _first(each, _FRAMES) is not None or type(each).__name__ in _STEPS
        ),
        None,
    )


def _is_asyncios(callback: Any) -> bool:
    function = getattr(callback, "func", callback)
    return str(getattr(function, "__module__", "")) in _STANDING_IN
