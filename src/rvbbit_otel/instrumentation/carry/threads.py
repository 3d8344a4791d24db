"""Threads and pools of threads: a job belongs to whoever handed it over, the pool's own thread to nobody."""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import FunctionType
from typing import Any, Final

from opentelemetry.context import Context, get_current

from rvbbit_otel.attribution.garbage_collection import apart
from rvbbit_otel.attribution.propagation import without_attribution
from rvbbit_otel.attribution.work import work_of
from rvbbit_otel.instrumentation.carry.bells import waits_for_a_bell
from rvbbit_otel.instrumentation.carry.inherited import took
from rvbbit_otel.instrumentation.carry.taking import is_take
from rvbbit_otel.instrumentation.carry.wrapping import Wrapping
from rvbbit_otel.instrumentation.emit.spans import without_span
from rvbbit_otel.instrumentation.execution import Job, Within, code_of

# Threads of these serve a pool, a queue, a loop: they are started by whoever comes first, and work for everybody.
_SERVING: Final = (
    "concurrent.futures.",
    "multiprocessing.",
    "multiprocess.",
    "joblib.",
    "loky.",
    "apscheduler.",
    "anyio._backends.",
)
# From this place on what is callable among a pool's arguments is called back.
_CALLBACKS: Final = 3
# Where OpenTelemetry's own instrumentation of threads keeps the context that a thread was started with.
_OTEL_CONTEXT: Final = "_otel_context"


def as_job(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that runs, whenever and wherever in this process it is called, for whoever works here now."""
    job = Job(code=code_of(function))

    def call(*args: Any, **kwargs: Any) -> Any:
        return job.run(function, *args, **kwargs)

    async def call_coroutine(*args: Any, **kwargs: Any) -> Any:
        with Within(job.context):
            return await function(*args, **kwargs)

    made = call_coroutine if inspect.iscoroutinefunction(function) else call
    return functools.wraps(function, updated=())(made)


def for_nobody() -> Context:
    """The context of what works for nobody by itself."""
    return without_span(without_attribution(get_current()))


def timer_context(function: object) -> Context:
    """The context for what is set to run later; one that sets itself again and again is a loop, and nobody's."""
    context = get_current()
    around = work_of(context)
    code = code_of(function)
    if around is not None and code is not None and around.ran(code):
        return let_go(context)
    return Job(context, code).context


def _job_context(function: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Context:
    if function is not None and waits_for_a_bell(function, args, kwargs):
        return let_go(get_current())
    return Job(code=code_of(function)).context


def let_go(context: Context) -> Context:
    """Return the context of what takes its work from others: nobody's, with whom it came from as a candidate."""
    around = work_of(context)
    if around is None:
        return context
    candidate = around.caller.id if around.caller is not None else around.candidate
    return without_span(without_attribution(context, candidate))


def _call_of(thread: threading.Thread) -> tuple[Any, tuple[Any, ...], Mapping[str, Any]]:
    """Return the function that a thread will call: its target, or a method of its own class."""
    if type(thread).run is not threading.Thread.run:
        return thread.run, (), {}
    return getattr(thread, "_target", None), getattr(thread, "_args", ()), getattr(thread, "_kwargs", {})


class Threads:
    """Wraps threads and pools of threads."""

    def __init__(self, wrapping: Wrapping) -> None:
        """Nothing wrapped yet."""
        self._wrapping = wrapping

    def install(self) -> None:
        """Wrap them."""
        wrapping = self._wrapping
        wrapping.put("threading", "Thread.start", self._start)
        wrapping.before("concurrent.futures.thread", "ThreadPoolExecutor.submit", self._submit)
        wrapping.before("concurrent.futures._base", "Future.add_done_callback", self._hand_over)
        wrapping.before("sched", "scheduler.enterabs", self._schedule)
        wrapping.before("weakref", "finalize.__init__", self._finalize)
        for qualname in ("Pool.apply_async", "Pool._map_async", "Pool.imap", "Pool.imap_unordered"):
            wrapping.before("multiprocessing.pool", qualname, self._to_thread_pool)
        # Run after the response, when whatever was around the handler has ended.
        wrapping.before("starlette.background", "BackgroundTask.__init__", self._hand_over)

    def _start(self, wrapped: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
        context = None
        if self._wrapping.on:
            try:
                context = self._carry_into(instance)
            except Exception as error:  # noqa: BLE001 - the host starts its thread whatever we find
                self._wrapping.counters.error("carry.Thread.start", error)
        try:
            with Within(context):
                return wrapped(*args, **kwargs)
        except BaseException:
            vars(instance).pop("run", None)
            raise

    def _carry_into(self, thread: threading.Thread) -> Context:
        """Let a thread run in the context of the job that it is, and return that."""
        function = getattr(thread, "function", None) if isinstance(thread, threading.Timer) else None
        if _serves(thread):
            context = for_nobody()
        elif function is not None:
            context = timer_context(function)
        else:
            context = _job_context(*_call_of(thread))
        if hasattr(thread, _OTEL_CONTEXT):
            setattr(thread, _OTEL_CONTEXT, context)  # It would attach the one that it found, inside of ours.
        run, on = thread.run, self._wrapping

        def run_as_job() -> None:
            vars(thread).pop("run", None)
            with Within(context if on.on else None):
                run()

        thread.run = run_as_job  # type: ignore[method-assign]
        return context

    def _submit(self, instance: Any, args: Any, kwargs: Any) -> tuple[Any, Any] | None:
        function = args[0] if args else None
        code = code_of(function)
        if code is None or code.co_flags & inspect.CO_COROUTINE or type(function) is not FunctionType:
            return self._hand_over(instance, args, kwargs)
        if waits_for_a_bell(function, args[1:], kwargs):
            return (Job(let_go(get_current())).run, *args), kwargs
        return (Job(code=code).run, *args), kwargs  # Without a function around it: this is most of what is submitted.

    def _hand_over(self, instance: Any, args: Any, kwargs: Any) -> tuple[Any, Any] | None:
        if not args or not callable(args[0]):
            return None
        function = args[0]
        if getattr(function, "__module__", None) == "asyncio.futures":
            return None  # It hands a result on to a loop, and whoever waits there is told by whom.
        if is_take(function):
            took()
        if waits_for_a_bell(function, args[1:], kwargs):
            return (Job(let_go(get_current())).run, *args), kwargs
        return (as_job(function), *args[1:]), kwargs

    def _schedule(self, instance: Any, args: Any, kwargs: Any) -> tuple[Any, Any] | None:
        by_keyword = "action" in kwargs
        action = kwargs["action"] if by_keyword else args[2] if len(args) > 2 else None
        if not callable(action):
            return None
        context = timer_context(action)
        job = Job(context, code_of(action))

        @functools.wraps(action, updated=())
        def call(*call_args: Any, **call_kwargs: Any) -> Any:
            return job.run(action, *call_args, **call_kwargs)

        if by_keyword:
            return args, {**kwargs, "action": call}
        return (*args[:2], call, *args[3:]), kwargs

    def _finalize(self, instance: Any, args: Any, kwargs: Any) -> tuple[Any, Any] | None:
        """Whose work drops the last reference, or makes the collector run, has not asked for it."""
        if len(args) < 2 or not callable(args[1]):
            return None
        where, function, *more = args
        job = Job(code=code_of(function))

        @functools.wraps(function, updated=())
        def call(*call_args: Any, **call_kwargs: Any) -> Any:
            return apart(job.run, function, *call_args, **call_kwargs)

        return (where, call, *more), kwargs

    def _to_thread_pool(self, instance: Any, args: Any, kwargs: Any) -> tuple[Any, Any] | None:
        """The pools of `multiprocessing`: what is called back in this process, and in a ThreadPool the job itself."""
        changed = {name: as_job(kwargs[name]) for name in ("callback", "error_callback") if callable(kwargs.get(name))}
        kwargs = {**kwargs, **changed}
        args = tuple(
            as_job(each) if place >= _CALLBACKS and callable(each) else each for place, each in enumerate(args)
        )
        if type(instance).__name__ == "ThreadPool":
            if args and callable(args[0]):
                args = (as_job(args[0]), *args[1:])
            elif callable(kwargs.get("func")):
                kwargs = {**kwargs, "func": as_job(kwargs["func"])}
        return args, kwargs


def _serves(thread: threading.Thread) -> bool:
    """Return whether a thread is a pool's or a loop's: nobody's by itself."""
    own, target = type(thread).__module__, getattr(thread, "_target", None)
    own = "" if own in ("threading", "multiprocessing.dummy") else own
    return _is_serving(own) or _is_serving(str(getattr(target, "__module__", "") or ""))


@lru_cache(maxsize=1024)
def _is_serving(module: str) -> bool:
    return f"{module}.".startswith(_SERVING)
