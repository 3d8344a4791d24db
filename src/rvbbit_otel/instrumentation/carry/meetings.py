"""Barriers: whoever met only its own caller's work there goes on with it; in a loop, where another came, it may have come with work."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable
from types import FrameType
from typing import Any

from rvbbit_otel.attribution import work
from rvbbit_otel.instrumentation.carry.inherited import first_not_of, inherited_here
from rvbbit_otel.instrumentation.carry.loops import loop_around
from rvbbit_otel.instrumentation.carry.owners import Owner, owner_now, owner_of
from rvbbit_otel.instrumentation.carry.wrapping import Wrapping

# Whose work came to a barrier, and the loop in which one of them waits there.
_Meeting = tuple[list["Owner | None"], "FrameType | None"]


class Meetings:
    """Wraps barriers."""

    def __init__(self, wrapping: Wrapping) -> None:
        """Nothing wrapped yet."""
        self._wrapping = wrapping
        self._meetings: weakref.WeakKeyDictionary[Any, list[Owner | None]] = weakref.WeakKeyDictionary()

    def install(self) -> None:
        """Wrap those of threads and of asyncio."""
        self._wrapping.put("threading", "Barrier.wait", self._meets)
        if sys.version_info >= (3, 11):
            self._wrapping.put("asyncio.locks", "Barrier.wait", self._meets_async)

    def _arrives(self, barrier: Any, frame: FrameType | None) -> _Meeting:
        """This line of execution comes to a barrier, which lets it through when all have come."""
        try:
            frame = first_not_of({"asyncio", "threading"}, frame)
            known = self._meetings.get(barrier)
            owners = known if known is not None and len(known) < barrier.parties else []
            self._meetings[barrier] = owners
            owners.append(owner_now())
            return owners, loop_around(frame, True)
        except Exception as error:  # noqa: BLE001 - the host waits whatever we find
            self._wrapping.counters.error("carry.Barrier.wait", error)
            return [], None

    def _met(self, meeting: _Meeting) -> None:
        """Whoever met nobody but its own goes on with that; in a loop, where another came, it may have come with work."""
        try:
            owners, loop = meeting
            inherited = inherited_here()
            if inherited is None or not owners:
                return
            if set(owners) == {owner_of(inherited)}:
                work.hold_on(inherited)
            elif loop is not None:
                work.let_go(inherited, loop)
        except Exception as error:  # noqa: BLE001 - and goes on
            self._wrapping.counters.error("carry.Barrier.wait", error)

    def _meets(self, wrapped: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
        if not self._wrapping.on:
            return wrapped(*args, **kwargs)
        meeting = self._arrives(instance, sys._getframe(1))
        try:
            return wrapped(*args, **kwargs)
        finally:
            self._met(meeting)

    def _meets_async(self, wrapped: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
        if not self._wrapping.on:
            return wrapped(*args, **kwargs)
        meeting = self._arrives(instance, sys._getframe(1))

        async def meet() -> Any:
            try:
                return await wrapped(*args, **kwargs)
            finally:
                self._met(meeting)

        return meet()
