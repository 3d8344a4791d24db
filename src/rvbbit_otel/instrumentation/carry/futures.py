"""Futures of pools: whoever looks in a loop at the results of others' futures takes its work from them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final

from rvbbit_otel.instrumentation.carry.inherited import first_not_of, inherited_here, waits, waits_for_its_own
from rvbbit_otel.instrumentation.carry.owners import Owner, is_callers, owner_now
from rvbbit_otel.instrumentation.carry.wrapping import Wrapping

# Where a future keeps whose work made it.
_MAKER: Final = "_rvbbit_maker"
_NOBODY: Final[Owner] = ("", None)
_FUTURE: Final = "concurrent.futures._base"


class Futures:
    """Wraps the futures of `concurrent.futures`."""

    def __init__(self, wrapping: Wrapping) -> None:
        """Nothing wrapped yet."""
        self._wrapping = wrapping

    def install(self) -> None:
        """Wrap them."""
        self._wrapping.when_made(_FUTURE, "Future", _note)
        for name in ("result", "exception"):
            self._wrapping.put(_FUTURE, f"Future.{name}", self._looks)

    def _looks(self, wrapped: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
        result = None
        try:
            result = wrapped(*args, **kwargs)
        finally:
            if self._wrapping.on:
                try:
                    _look_at(instance)
                except Exception as error:  # noqa: BLE001 - the host gets its result whatever we find
                    self._wrapping.counters.error("carry.Future.result", error)
        return result


def _note(future: Any) -> None:
    setattr(future, _MAKER, owner_now() or _NOBODY)


def _look_at(future: Any) -> None:
    maker: Owner | None = vars(future).get(_MAKER)
    inherited = inherited_here() if maker is not None else None
    if maker is None or inherited is None or is_callers(inherited, maker):
        return
    frame = first_not_of({"concurrent"}, sys._getframe(2))
    if frame is not None and not waits_for_its_own(frame):
        waits(inherited, frame, True)
