"""Whatever takes its work from a shared place is nobody's until it says whose work it has.

A thread, a task, a job starts with the caller of whoever started it. That is right for a piece of work, and wrong for a worker that others give work
to afterwards. The two can't be told apart when they start, but a worker shows itself: it takes from a queue, a pipe, a socket, a condition; or it
sleeps, or waits for an event, in a loop. From then on what it inherited is a candidate, and no knowledge. A line of execution that was told its
caller, by a block or by the runner, keeps it whatever it takes: there somebody has said whose the work is.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Set
from types import FrameType, ModuleType
from typing import Any

from opentelemetry.context import attach, get_current

from rvbbit_otel.attribution import work
from rvbbit_otel.attribution.work import WORK_KEY, Work
from rvbbit_otel.context_keys import SPAN_KEY
from rvbbit_otel.instrumentation.carry import places
from rvbbit_otel.instrumentation.carry.loops import loop_around
from rvbbit_otel.instrumentation.carry.owners import Owner, Owners, owner_now, owner_of
from rvbbit_otel.instrumentation.carry.wrapping import Wrapping
from rvbbit_otel.instrumentation.emit.spans import without_span

# Whose work came to a barrier, and the loop in which one of them waits there.
_Meeting = tuple[list["Owner | None"], "FrameType | None"]


def took(owner: Owner | None = None) -> None:
    """This line of execution took an item from a shared place; `owner`: whose that is, where it is known."""
    inherited = _inherited()
    if inherited is None:
        return
    if owner is not None and owner == owner_of(inherited):
        work.hold_on(inherited)
    else:  # Also where it has let go already, for as long as it is in a loop: what it took it may work on after that.
        work.let_go(inherited)
        context = get_current()
        if inherited.span is not None and context.get(SPAN_KEY) is inherited.span:
            attach(without_span(context))  # What it takes up hangs under nothing of whom it inherited from.


def waits(inherited: Work, frame: FrameType, any_loop: bool) -> None:
    """It waits, in this frame, for something that need not be its own; `any_loop`: in a `for` of this very frame, too, that shows a worker."""
    if not inherited.holds:
        return
    inherited.waited = True
    loop = loop_around(frame, any_loop)
    if loop is not None:
        work.let_go(inherited, loop)


def is_take(function: object) -> bool:
    """Whether a function for a pool takes from a shared place: whoever waits for its result has taken that item."""
    if getattr(function, "__name__", None) in places.TAKES and getattr(function, "__self__", None) is not None:
        return type(getattr(function, "__self__", None)).__module__.partition(".")[0] in places.SHARED_PLACES
    inner = (getattr(function, "func", None), *(getattr(function, "args", None) or ())[:1])
    return any(part is not None and part is not function and is_take(part) for part in inner)


def _inherited() -> Work | None:
    """The work that this line of execution only inherited, whether that still holds or not; None where somebody said here whose the work is."""
    context = get_current()
    known: Work | None = context.get(WORK_KEY)  # type: ignore[assignment]
    if known is None or known.caller is None or (work.in_generators() and work.said_in_generator(known) is not None):
        return None
    # A block that has ended here leaves what was around it.
    while known is not None and known.ended and known.here and not known.inherited:
        known = known.base
    if known is None or known.caller is None:
        return None
    return known if known.inherited or not known.here else None


class Taking:
    """Wraps what work is taken from."""

    def __init__(self, wrapping: Wrapping) -> None:
        """Nothing wrapped yet."""
        self._wrapping = wrapping
        self._owners = Owners()
        self._makers: weakref.WeakKeyDictionary[Any, Work] = weakref.WeakKeyDictionary()
        self._meetings: weakref.WeakKeyDictionary[Any, list[Owner | None]] = weakref.WeakKeyDictionary()

    def install(self) -> None:
        """Wrap the queues, pipes, sockets, conditions and waits of Python."""
        wrapping = self._wrapping
        self._offering("queue", "Queue.put", _put_into)
        wrapping.put("queue", "Queue.get", self._get)
        self._offering("queue", "_PySimpleQueue.put", _put_into)
        wrapping.put("queue", "_PySimpleQueue.get", self._get)
        wrapping.when_imported("queue", self._replace_simple_queue)
        self._offering("asyncio.queues", "Queue.put_nowait", _put_into)
        wrapping.put("asyncio.queues", "Queue.get_nowait", self._get)
        wrapping.before("asyncio.queues", "Queue.get", _asked_a_queue)
        for module, qualname in (
            ("multiprocessing.queues", "Queue.get"),
            ("multiprocessing.queues", "SimpleQueue.get"),
            ("socket", "socket.accept"),
        ):
            wrapping.after(module, qualname, lambda *_: took())
        wrapping.put("asyncio.selector_events", "BaseSelectorEventLoop.sock_accept", self._condition)
        for name in ("recv", "recv_into", "recvfrom"):
            self._wrap_waits("asyncio.selector_events", f"BaseSelectorEventLoop.sock_{name}", True)
        for module, qualname in places.READ_FROM:
            wrapping.put(module, f"{qualname}.__init__", self._made)
        wrapping.put("threading", "Barrier.wait", self._meets)
        if sys.version_info >= (3, 11):
            wrapping.put("asyncio.locks", "Barrier.wait", self._meets_async)
        for name in ("recv", "recv_bytes", "recv_bytes_into"):
            wrapping.put("multiprocessing.connection", f"_ConnectionBase.{name}", self._received)
        wrapping.before("multiprocessing.managers", "BaseProxy._callmethod", _asked_a_manager)
        for module in ("threading", "asyncio.locks"):
            wrapping.put(module, "Condition.wait", self._condition)
            for name in ("Condition", "Event", "Semaphore"):
                wrapping.put(module, f"{name}.__init__", self._made)
        for module in ("trio._sync", "anyio._core._synchronization"):
            wrapping.put(module, "Condition.wait", self._condition)
        for any_loop, through, names in (
            (False, False, places.PAUSES),
            (True, False, places.WORDS),
            (False, True, places.LIBRARY_PAUSES),
            (True, True, places.READS),
        ):
            for module, qualname in names:
                self._wrap_waits(module, qualname, any_loop, through)
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
                asks = _first_not_of({"queue"}, sys._getframe(1))
                if asks is None or str(asks.f_globals.get("__name__")).partition(".")[0] not in places.POOLING:
                    took(owner)
            except Exception as error:  # noqa: BLE001 - the host gets its item whatever we find
                self._wrapping.counters.error("carry.get", error)
        return item

    def _received(self, wrapped: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
        item = wrapped(*args, **kwargs)
        try:
            if self._wrapping.on and not _waits_for_its_own(sys._getframe(1)):
                took()
        except Exception as error:  # noqa: BLE001 - the host gets its item whatever we find
            self._wrapping.counters.error("carry.received", error)
        return item

    def _made(self, wrapped: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
        """An event or a condition that a job makes for itself is no shared place: it waits there for what it has itself set going."""
        made = wrapped(*args, **kwargs)
        if self._wrapping.on:
            try:
                maker = get_current().get(WORK_KEY)
                if isinstance(maker, Work) and maker.inherited:
                    self._makers[instance] = maker
            except Exception as error:  # noqa: BLE001 - the host makes what it makes whatever we find
                self._wrapping.counters.error("carry.made", error)
        return made

    def _made_here(self, where: Any) -> bool:
        """Whether the job that runs here made it, for itself."""
        return where is not None and self._makers.get(where) is get_current().get(WORK_KEY)

    def _condition(self, wrapped: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
        if self._wrapping.on:
            try:
                frame = sys._getframe(1)
                if frame.f_code.co_name == "wait_for" and frame.f_back is not None:
                    frame = frame.f_back
                if not _waits_for_its_own(frame) and not self._made_here(instance):
                    took()
            except Exception as error:  # noqa: BLE001 - the host waits whatever we find
                self._wrapping.counters.error("carry.Condition.wait", error)
        return wrapped(*args, **kwargs)

    def _wrap_waits(self, module: str, qualname: str, any_loop: bool, through: bool = False) -> None:
        """`through`: who waits is the first that is not of the library's own."""
        own = {module.partition(".")[0], "socket", "ssl"} if through else set()
        self._wrapping.put(module, qualname, self._wait(qualname, any_loop, own))

    def _wait(self, qualname: str, any_loop: bool, own: Set[str]) -> Callable[..., Any]:
        def call(wrapped: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
            if self._wrapping.on:
                try:
                    inherited = _inherited()
                    frame = None if inherited is None else _first_not_of(own, sys._getframe(1))
                    if inherited is not None and frame is not None and not _waits_for_its_own(frame):
                        where = next(iter(args), None) if "sock_" in qualname else instance
                        if not self._made_here(where):
                            waits(inherited, frame, any_loop)
                except Exception as error:  # noqa: BLE001 - the host waits whatever we find
                    self._wrapping.counters.error(f"carry.{qualname}", error)
            return wrapped(*args, **kwargs)

        return call

    def _arrives(self, barrier: Any, frame: FrameType | None) -> _Meeting:
        """This line of execution comes to a barrier, which lets it through when all have come."""
        try:
            frame = _first_not_of({"asyncio", "threading"}, frame)
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
            inherited = _inherited()
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
    if not _waits_for_its_own(sys._getframe(2)):
        took()


def _waits_for_its_own(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__")).partition(".")[0] in places.OWN_WAITS


def _first_not_of(packages: Set[str], frame: FrameType | None) -> FrameType | None:
    while frame is not None and packages and str(frame.f_globals.get("__name__")).partition(".")[0] in packages:
        frame = frame.f_back
    return frame
