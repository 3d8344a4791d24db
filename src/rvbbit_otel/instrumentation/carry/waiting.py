"""Waits: a line of execution that only inherited its work, and waits in a loop for something that it did not make itself, looks for work."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Set
from types import FrameType
from typing import Any, Final

from opentelemetry.context import get_current

from rvbbit_otel.attribution.work import WORK_KEY, Work
from rvbbit_otel.instrumentation.carry import places
from rvbbit_otel.instrumentation.carry.bells import never_gives_back
from rvbbit_otel.instrumentation.carry.inherited import first_not_of, inherited_here, took, waits, waits_for_its_own
from rvbbit_otel.instrumentation.carry.pollers import replace_pollers
from rvbbit_otel.instrumentation.carry.wrapping import Wrapping

_OURS: Final = frozenset({"rvbbit_otel"})


class Waiting:
    """Wraps what is waited for, and notes who made it."""

    def __init__(self, wrapping: Wrapping) -> None:
        """Nothing wrapped yet."""
        self._wrapping = wrapping
        self._makers: weakref.WeakKeyDictionary[Any, Work] = weakref.WeakKeyDictionary()

    def install(self) -> None:
        """Wrap the conditions, pauses, events, sockets and streams of Python and of the libraries in `places`."""
        wrapping = self._wrapping
        wrapping.put("asyncio.selector_events", "BaseSelectorEventLoop.sock_accept", self._condition)
        for name in ("recv", "recv_into", "recvfrom"):
            self._wrap_waits("asyncio.selector_events", f"BaseSelectorEventLoop.sock_{name}", True)
        for module, qualname in places.READ_FROM:
            wrapping.when_made(module, qualname, self._made)
        for module in ("threading", "asyncio.locks"):
            for name in ("Condition", "Event", "Semaphore"):
                wrapping.when_made(module, name, self._made)
        for module in ("threading", "asyncio.locks", "trio._sync", "anyio._core._synchronization"):
            wrapping.put(module, "Condition.wait", self._condition)
        for any_loop, through, names in (
            (False, False, places.PAUSES),
            (True, False, places.WORDS),
            (False, True, places.LIBRARY_PAUSES),
            (True, True, places.READS),
        ):
            for module, qualname in names:
                self._wrap_waits(module, qualname, any_loop, through)
        for module, qualname in places.LOCKS:
            wrapping.put(module, qualname, self._wait(qualname, True, {module.partition(".")[0]}, never_gives_back))
        wrapping.put("multiprocessing.synchronize", "SemLock._make_methods", self._semaphore)
        wrapping.when_imported(
            "select", lambda module: replace_pollers(wrapping, module, self._wait("poll", False, _OURS))
        )

    def _made(self, instance: Any) -> None:
        """An event or a condition that a job makes for itself is no shared place: it waits there for what it has itself set going."""
        maker = get_current().get(WORK_KEY)
        if isinstance(maker, Work) and maker.inherited:
            self._makers[instance] = maker

    def _semaphore(self, wrapped: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
        """One of processes gets the C object's methods as its own attributes. Locks do so, too, for which nobody waits by that name."""
        made = wrapped(*args, **kwargs)
        if self._wrapping.on and "Semaphore" in type(instance).__name__:
            try:
                wait, plain = self._wait("Semaphore.acquire", True, _OURS), instance.acquire
                instance.acquire = lambda *args, **kwargs: wait(plain, instance, args, kwargs)
            except Exception as error:  # noqa: BLE001 - the host's semaphore is what it is
                self._wrapping.counters.error("carry.Semaphore", error)
        return made

    def _made_here(self, where: Any) -> bool:
        """Return whether the job that runs here made the object, for itself."""
        return where is not None and self._makers.get(where) is get_current().get(WORK_KEY)

    def _condition(self, wrapped: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
        if self._wrapping.on:
            try:
                frame = sys._getframe(1)
                if frame.f_code.co_name == "wait_for" and frame.f_back is not None:
                    frame = frame.f_back
                if not waits_for_its_own(frame) and not self._made_here(instance):
                    took()
            except Exception as error:  # noqa: BLE001 - the host waits whatever we find
                self._wrapping.counters.error("carry.Condition.wait", error)
        return wrapped(*args, **kwargs)

    def _wrap_waits(self, module: str, qualname: str, any_loop: bool, through: bool = False) -> None:
        """`through`: who waits is the first that is not of the library's own."""
        own = {module.partition(".")[0], "socket", "ssl"} if through else set()
        self._wrapping.put(module, qualname, self._wait(qualname, any_loop, own))

    def _wait(
        self, qualname: str, any_loop: bool, own: Set[str], counts: Callable[[FrameType], bool] = lambda _: True
    ) -> Callable[..., Any]:
        """`counts`: whether a wait in this frame does."""

        def call(wrapped: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
            if self._wrapping.on:
                try:
                    inherited = inherited_here()
                    frame = None if inherited is None else first_not_of(own, sys._getframe(1))
                    if inherited is not None and frame is not None and not waits_for_its_own(frame):
                        where = next(iter(args), None) if "sock_" in qualname else instance
                        if counts(frame) and not self._made_here(where):
                            waits(inherited, frame, any_loop)
                except Exception as error:  # noqa: BLE001 - the host waits whatever we find
                    self._wrapping.counters.error(f"carry.{qualname}", error)
            return wrapped(*args, **kwargs)

        return call
