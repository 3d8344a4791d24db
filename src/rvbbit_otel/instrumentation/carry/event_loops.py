"""asyncio: a task, a timer and a callback belong to whoever handed them over; what comes in from outside belongs to nobody."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from opentelemetry.context import Context, get_current

from rvbbit_otel.attribution import work
from rvbbit_otel.attribution.propagation import with_work
from rvbbit_otel.attribution.work import WORK_KEY, work_of
from rvbbit_otel.counters import failed
from rvbbit_otel.instrumentation.carry.threads import for_nobody, let_go, timer_context
from rvbbit_otel.instrumentation.carry.wakeups import wakes
from rvbbit_otel.instrumentation.carry.wrapping import Wrapping
from rvbbit_otel.instrumentation.execution import Job, Within

_OPENING: Final = (
    "create_server",
    "create_unix_server",
    "create_connection",
    "create_unix_connection",
    "create_datagram_endpoint",
    "connect_read_pipe",
    "subprocess_exec",
    "subprocess_shell",
)


class EventLoops:
    """Wraps asyncio's event loop."""

    def __init__(self, wrapping: Wrapping) -> None:
        """Nothing wrapped yet."""
        self._wrapping = wrapping

    def install(self) -> None:
        """Wrap it."""
        wrapping = self._wrapping
        loop = "BaseEventLoop"
        wrapping.put("asyncio.base_events", f"{loop}.create_task", self._during(_of_task))
        wrapping.before("asyncio.base_events", f"{loop}.call_soon", lambda _, args, kwargs: wakes(args, kwargs))
        wrapping.before("uvloop", "Loop.call_soon", lambda _, args, kwargs: wakes(args, kwargs))
        work.when_first_in_generator(self._wrap_callbacks)
        wrapping.put("asyncio.base_events", f"{loop}.call_at", self._during(_of_timer))
        # A beat is set once, by whoever comes first, and looks for what there is to do.
        wrapping.put("tornado.ioloop", "PeriodicCallback.start", self._during(lambda *_: let_go(get_current())))
        # Sockets, pipes and servers: whoever opened one is not whose work comes in by it.
        wrapping.put("asyncio.selector_events", "BaseSelectorEventLoop._add_reader", self._during(_of_reader))
        # Another loop's own: it takes its copy of the context where it opens.
        wrapping.put("uvloop", "Loop.create_task", self._during(_of_task))
        wrapping.put("uvloop", "Loop.call_at", self._during(_of_timer))
        wrapping.put("uvloop", "Loop.call_later", self._during(_of_timer))
        wrapping.put("uvloop", "Loop.add_reader", self._during(_of_reader))
        for name in _OPENING:
            wrapping.put("uvloop", f"Loop.{name}", self._opening)
        wrapping.before("uvloop", "Loop.run_until_complete", self._run)
        wrapping.before("asyncio.base_events", f"{loop}.run_until_complete", self._run)
        wrapping.when_imported("asyncio.runners", self._wrap_runner)

    def _wrap_callbacks(self) -> None:
        """By far the most are the loop's own; without a block in a generator the copy that the loop takes of the context says the right thing."""
        for name in ("call_soon", "call_soon_threadsafe"):
            self._wrapping.put("asyncio.base_events", f"BaseEventLoop.{name}", self._during(_of_callback))

    def _wrap_runner(self, module: Any) -> None:
        if hasattr(module, "Runner"):  # From Python 3.11 on; before, `asyncio.run` goes by `run_until_complete`.
            self._wrapping.before("asyncio.runners", "Runner.run", self._run)

    def _during(self, context_for: Callable[[Any, Any], Context | None]) -> Callable[..., Any]:
        """A wrapper that makes a call in another context, of which the loop takes a copy."""

        def call(wrapped: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
            context = None
            if self._wrapping.on:
                try:
                    context = context_for(args, kwargs)
                except Exception as error:  # noqa: BLE001 - the host's call goes on as it is
                    self._wrapping.counters.error("carry.event_loop", error)
            if context is None:
                return wrapped(*args, **kwargs)
            with Within(context):
                return wrapped(*args, **kwargs)

        return call

    def _opening(self, wrapped: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
        """Opening a server or a connection, in nobody's context."""
        opened = wrapped(*args, **kwargs)
        try:
            if self._wrapping.on and get_current().get(WORK_KEY) is not None and inspect.isawaitable(opened):
                return _within(opened, for_nobody())
        except Exception as error:  # noqa: BLE001 - the host opens what it opens
            self._wrapping.counters.error("carry.event_loop", error)
        return opened

    def remove(self) -> None:
        """Wrap nothing more."""
        work.when_first_in_generator(None)

    def _run(self, instance: Any, args: Any, kwargs: Any) -> tuple[Any, Any] | None:
        """Whoever runs a loop waits for its main task, which goes on with the same work."""
        if not args or not inspect.iscoroutine(args[0]):
            return None
        return (_going_on(args[0], get_current()), *args[1:]), kwargs


async def _within(opening: Awaitable[Any], context: Context) -> Any:
    with Within(context):
        return await opening


async def _going_on(main: Coroutine[Any, Any, Any], context: Context) -> Any:
    fresh = None
    try:
        around = work_of(context)
        if around is not None:
            context = with_work(context, around.go_on_here())
        fresh = work.begin_afresh()
    except Exception as error:  # noqa: BLE001 - the host's main task runs, for whoever it finds
        failed("carry.event_loop", error)
    try:
        with Within(context):
            return await main
    finally:
        try:
            if fresh is not None:
                work.go_on(fresh)
        except Exception as error:  # noqa: BLE001 - and has its result
            failed("carry.event_loop", error)


def _of_task(args: Any, kwargs: Any) -> Context | None:
    if kwargs.get("context") is not None or not work.speaks(get_current()):
        return None
    return Job().context


def _of_callback(args: Any, kwargs: Any) -> Context | None:
    return Job().context if work.in_generators() and kwargs.get("context") is None else None


def _of_timer(args: Any, kwargs: Any) -> Context | None:
    if kwargs.get("context") is not None or len(args) < 2 or not work.speaks(get_current()):
        return None
    return timer_context(args[1])


def _of_reader(args: Any, kwargs: Any) -> Context | None:
    return for_nobody() if get_current().get(WORK_KEY) is not None else None
