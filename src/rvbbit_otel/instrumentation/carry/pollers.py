"""`select.poll` and `select.epoll` by hand: their objects can't be changed, so what makes them gives others that tell of each wait."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import wrapt

from rvbbit_otel.instrumentation.carry.wrapping import Wrapping

# Takes the plain call, the poller, its arguments and its keyword arguments.
_Wait = Callable[..., Any]


def replace_pollers(wrapping: Wrapping, module: ModuleType, waits: _Wait) -> None:
    """Replace what `select` makes pollers with, where it has them; `waits` makes each call that waits."""

    class Poller(wrapt.ObjectProxy):  # type: ignore[type-arg]
        """A poller of Python's; all but its wait is as it is."""

        def poll(self, *args: Any, **kwargs: Any) -> Any:
            return waits(self.__wrapped__.poll, self, args, kwargs)

        def __enter__(self) -> Any:
            self.__wrapped__.__enter__()
            return self

    for name, kind in (("poll", _poll), ("epoll", _epoll)):
        plain = getattr(module, name, None)
        if plain is not None:
            wrapping.patches.replace(module, name, kind(plain, Poller))


def _poll(plain: Any, poller: type) -> Callable[[], Any]:
    def poll() -> Any:
        return poller(plain())

    poll.__doc__ = plain.__doc__
    return poll


def _epoll(plain: Any, poller: Any) -> Any:
    class epoll(poller):  # type: ignore[misc]  # noqa: N801 - the name of what it stands for
        __doc__ = plain.__doc__

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(plain(*args, **kwargs))

        @classmethod
        def fromfd(cls, fd: int) -> Any:
            made = cls.__new__(cls)
            wrapt.ObjectProxy.__init__(made, plain.fromfd(fd))
            return made

    epoll.__module__, epoll.__qualname__ = plain.__module__, plain.__qualname__
    return epoll
