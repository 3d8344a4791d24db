"""Whatever takes its work from a shared place is nobody's until it says whose work it has.

A thread, a task, a job starts with the caller of whoever started it. That is right for a piece of work, and wrong for a worker that others give work
to afterwards. The two can't be told apart when they start, but a worker shows itself: it takes from a queue, a pipe, a socket, a condition; or it
sleeps, or waits for an event, in a loop. From then on what it inherited is a candidate, and no knowledge. A line of execution that was told its
caller, by a block or by the runner, keeps it whatever it takes: there somebody has said whose the work is.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType, FunctionType, ModuleType
from typing import Any

from rvbbit_otel.instrumentation.carry import places
from rvbbit_otel.instrumentation.carry.inherited import first_not_of, took, waits_for_its_own
from rvbbit_otel.instrumentation.carry.owners import Owners
from rvbbit_otel.instrumentation.carry.wrapping import Wrapping


def is_take(function: object) -> bool:
    """Return whether a function for a pool takes from a shared place: whoever waits for its result has taken that
    item.
    """
    if type(function) is FunctionType:
        return False
    if getattr(function, "__name__", None) in places.TAKES and getattr(function, "__self__", None) is not None:
        return type(getattr(function, "__self__", None)).__module__.partition(".")[0] in places.SHARED_PLACES
    inner = (getattr(function, "func", None), *(getattr(function, "args", None) or ())[:1])
    return any(part is not None and part is not function and is_take(part) for part in inner)


class Taking:
    """Wraps what work is taken from."""

    def __init__(self, wrapping: Wrapping) -> None:
        """Nothing wrapped yet."""
        self._wrapping = wrapping
        self._owners = Owners()

    def install(self) -> None:
        """Wrap the queues, pipes and accepting sockets of Python."""
        wrapping = self._wrapping
        self._offering("queue", "Queue.put", _put_into)
        wrapping.put("queue", "Queue.get", self._get)
        self._offering("queue", "_PySimpleQueue.put", _put_into)
        wrapping.put("queue", "_PySimpleQueue.get", self._get)
        wrapping.when_imported("queue", self._replace_simple_queue)
        self._offering("asyncio.queues", "Queue.put_nowait", _put_into)
        wrapping.put("asyncio.queues", "Queue.get_nowait", self._get)
        wrapping.before("asyncio.queues", "Queue.get", _asked_a_queue)
        for module, qualname in places.QUEUES:
            wrapping.after(module, qualname, lambda *_: took())
        for name in ("recv", "recv_bytes", "recv_bytes_into"):
            wrapping.put("multiprocessing.connection", f"_ConnectionBase.{name}", self._received)
        wrapping.before("multiprocessing.managers", "BaseProxy._callmethod", _asked_a_manager)
        for module, sending, receiving in (
            ("anyio.streams.memory", "MemoryObjectSendStream", "MemoryObjectReceiveStream"),
            ("trio._channel", "MemorySendChannel", "MemoryReceiveChannel"),
        ):
            self._offering(module, f"{sending}.send_nowait", _sent_into)
            wrapping.put(module, f"{receiving}.receive", self._receive)
            wrapping.after(module, f"{receiving}.receive_nowait", lambda *_: took())

    def _offering(self, module: str, qualname: str, offer: Callable[[Any, Any, Any], tuple[Any, object]]) -> None:
        """Wrap what puts an item into a shared place; `offer` says where, and which."""

        def call(wrapped: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
            where, item, noted = None, None, None
            if self._wrapping.on:
                try:
                    where, item = offer(instance, args, kwargs)
                    noted = self._owners.put(where, item)  # Before it is there: whoever waits for it may be quicker.
                except Exception as error:  # noqa: BLE001 - the host's item is put whatever we find
                    self._wrapping.counters.error(f"carry.{qualname}", error)
            try:
                return wrapped(*args, **kwargs)
            except BaseException as error:  # Full, mostly.
                if noted is not None and not _is_sent_later(error, sys._getframe(1)):
                    self._owners.take_back(where, item, noted)
                raise

        self._wrapping.put(module, qualname, call)

    def _receive(self, wrapped: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
        async def received() -> Any:
            item = await wrapped(*args, **kwargs)
            if self._wrapping.on:
                try:
                    took(self._owners.taken(instance._state, item))
                except Exception as error:  # noqa: BLE001 - the host gets its item whatever we find
                    self._wrapping.counters.error("carry.receive", error)
            return item

        return received()

    def _get(self, wrapped: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
        item = wrapped(*args, **kwargs)
        if self._wrapping.on:
            try:
                owner = self._owners.taken(instance, item)
                asks = first_not_of({"queue"}, sys._getframe(1))
                if asks is None or str(asks.f_globals.get("__name__")).partition(".")[0] not in places.POOLING:
                    took(owner)
            except Exception as error:  # noqa: BLE001 - the host gets its item whatever we find
                self._wrapping.counters.error("carry.get", error)
        return item

    def _received(self, wrapped: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
        item = wrapped(*args, **kwargs)
        try:
            if self._wrapping.on and not waits_for_its_own(sys._getframe(1)):
                took()
        except Exception as error:  # noqa: BLE001 - the host gets its item whatever we find
            self._wrapping.counters.error("carry.received", error)
        return item

    def _replace_simple_queue(self, module: ModuleType) -> None:
        """The C class can't be changed, so its name gets another: a subclass that tells of what is taken."""
        plain = module.SimpleQueue
        put_by, took_from, wrapping = self._owners.put, self._owners.taken, self._wrapping

        def taken(queue: Any, item: Any) -> None:
            took(took_from(queue, item))

        def told(tell: Callable[[Any, Any], object], queue: Any, item: Any) -> None:
            try:
                tell(queue, item)
            except Exception as error:  # noqa: BLE001 - the host's queue works whatever we find
                wrapping.counters.error("carry.SimpleQueue", error)

        class SimpleQueue(plain):  # type: ignore[misc, valid-type]
            __doc__ = plain.__doc__
            __slots__ = ()

            def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
                if wrapping.on:
                    told(put_by, self, item)
                super().put(item, block, timeout)

            def put_nowait(self, item: Any) -> None:
                if wrapping.on:
                    told(put_by, self, item)
                super().put_nowait(item)

            def get(self, block: bool = True, timeout: float | None = None) -> Any:
                item = super().get(block, timeout)
                if wrapping.on:
                    told(taken, self, item)
                return item

            def get_nowait(self) -> Any:
                item = super().get_nowait()
                if wrapping.on:
                    told(taken, self, item)
                return item

        SimpleQueue.__module__, SimpleQueue.__qualname__ = plain.__module__, plain.__qualname__
        wrapping.patches.replace(module, "SimpleQueue", SimpleQueue)


def _put_into(instance: Any, args: Any, kwargs: Any) -> tuple[Any, object]:
    return instance, next(iter(args), kwargs.get("item"))


def _sent_into(instance: Any, args: Any, kwargs: Any) -> tuple[Any, object]:
    """Of the channels of anyio and trio: it takes one item, by whatever name."""
    return instance._state, next(iter((*args, *kwargs.values())), None)


def _is_sent_later(error: BaseException, caller: FrameType) -> bool:
    """Whether what would not go at once is put by `send` of anyio and trio all the same, which waits for it to be taken."""
    return type(error).__name__ == "WouldBlock" and caller.f_code.co_name == "send"


def _asked_a_manager(instance: Any, args: Any, kwargs: Any) -> None:
    """A queue that lives in a manager's process is a shared place, too; other answers of a manager are one's own."""
    if next(iter(args), kwargs.get("methodname")) in places.TAKES and "Queue" in type(instance).__name__:
        took()


def _asked_a_queue(instance: Any, args: Any, kwargs: Any) -> None:
    """A library that waits for its own answers may let a task wait for them; whose the item is that comes is looked at all the same."""
    if not waits_for_its_own(sys._getframe(2)):
        took()
