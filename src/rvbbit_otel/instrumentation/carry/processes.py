"""Processes: one that is started for a job, and a job for a pool of them, belong to whoever handed them over; a pool's worker to nobody."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, Final

from opentelemetry.context import Context, get_current

from rvbbit_otel.attribution.propagation import (
    caller_id_of,
    caller_of,
    context_from_environment,
    environment_of,
    session_of,
    with_work,
    without_attribution,
)
from rvbbit_otel.attribution.work import Work, work_of
from rvbbit_otel.counters import failed
from rvbbit_otel.instrumentation import execution
from rvbbit_otel.instrumentation.carry.wrapping import Wrapping
from rvbbit_otel.instrumentation.emit.spans import without_span
from rvbbit_otel.instrumentation.flushing import flush

_CARRIED: Final = "_rvbbit_environment"
_POPEN_ENV_POSITION: Final = 10
# Processes of these serve a pool or a manager: they are started by whoever comes first, and work for everybody.
_SERVING: Final = ("multiprocessing.", "multiprocess.", "concurrent.futures.", "joblib.", "loky.")
_ATTRIBUTION_VARIABLES: Final = ("TRACEPARENT", "TRACESTATE", "BAGGAGE")


class CarriedCall:
    """A function for another process, which runs there for the caller it was handed over by. Pickled with the function."""

    def __init__(self, function: Callable[..., Any], environment: Mapping[str, str]) -> None:
        self.function = function
        self.environment = environment

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function."""
        context = None
        try:
            context = _context_in_child(self.environment)
        except Exception as error:  # noqa: BLE001 - the host's function runs, for whoever it finds
            failed("carry.process", error)
        with execution.Within(context):
            return self.function(*args, **kwargs)


class Processes:
    """What is wrapped so that no way out of a process loses the caller."""

    def __init__(self, wrapping: Wrapping) -> None:
        """Nothing wrapped yet."""
        self._wrapping = wrapping

    def install(self) -> None:
        """Wrap the ways in which Python starts a process, or hands a job to one."""
        wrapping = self._wrapping
        for package in ("multiprocessing", "multiprocess"):
            wrapping.before(f"{package}.process", "BaseProcess.start", self._start)
            wrapping.put(f"{package}.process", "BaseProcess._bootstrap", self._bootstrap)
            for name in ("apply_async", "_map_async", "imap", "imap_unordered"):
                wrapping.before(f"{package}.pool", f"Pool.{name}", self._hand_over)
        for executor in (
            "concurrent.futures.process",
            "joblib.externals.loky.process_executor",
            "loky.process_executor",
        ):
            wrapping.before(executor, "ProcessPoolExecutor.submit", self._hand_over)
        wrapping.put("anyio.to_process", "run_sync", self._in_process_of_anyio)
        wrapping.before("subprocess", "Popen.__init__", _with_environment)

    def _start(self, instance: Any, args: Any, kwargs: Any) -> None:
        serves = str(getattr(getattr(instance, "_target", None), "__module__", "")).startswith(_SERVING)
        setattr(instance, _CARRIED, {} if serves else _environment_now())

    def _bootstrap(self, wrapped: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
        if not self._wrapping.on:
            return wrapped(*args, **kwargs)
        context = None
        try:
            environment = getattr(instance, _CARRIED, None)
            if environment is not None:
                context = _context_in_child(environment)
        except Exception as error:  # noqa: BLE001 - the host's process runs whatever we find
            self._wrapping.counters.error("carry.bootstrap", error)
        try:
            with execution.Within(context):
                return wrapped(*args, **kwargs)
        finally:
            flush()

    def _hand_over(self, instance: Any, args: Any, kwargs: Any) -> tuple[Any, Any] | None:
        if type(instance).__name__ == "ThreadPool":
            return None  # A Pool by class that shares our objects instead of pickling them: a matter of threads.
        # Without a caller, too: the worker may have been forked while another one was active.
        if args:
            return (CarriedCall(args[0], _environment_now()), *args[1:]), kwargs
        if "func" in kwargs:
            return args, {**kwargs, "func": CarriedCall(kwargs["func"], _environment_now())}
        return None

    def _in_process_of_anyio(self, wrapped: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
        """A process of its pool is started with the first job that finds none, and works for everybody."""
        if not self._wrapping.on or not args:
            return wrapped(*args, **kwargs)
        call = wrapped(CarriedCall(args[0], _environment_now()), *args[1:], **kwargs)

        async def run() -> Any:
            with execution.Within(without_span(without_attribution(get_current()))):
                return await call

        return run()


def _environment_now() -> dict[str, str]:
    context = get_current()
    if caller_id_of(context) is None and session_of(context) is None:
        return {}
    if caller_id_of(context) is None:
        return environment_of(without_attribution(context))
    return environment_of(context)


def _context_in_child(environment: Mapping[str, str]) -> Context:
    """The context of a job that another process handed over."""
    current = get_current()
    sent = context_from_environment(environment)
    if caller_id_of(sent) is None:
        return without_span(without_attribution(current))
    around = work_of(current)
    if around is not None and caller_id_of(sent) == caller_id_of(current) and session_of(sent) == session_of(current):
        return with_work(current, around.job())  # Forked: the same, and it knows more.
    return inherited_from(sent)


def inherited_from(sent: Context) -> Context:
    """The context of work that another process handed over, as it said in its environment."""
    caller = caller_of(sent)
    return with_work(sent, Work(caller, session_id=session_of(sent), inherited=True))


def _with_environment(
    instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    ours = _environment_now()
    if not ours:
        return None
    by_position = len(args) > _POPEN_ENV_POSITION
    given = args[_POPEN_ENV_POSITION] if by_position else kwargs.get("env")
    environment = {**(os.environ if given is None else given)}
    for name in _ATTRIBUTION_VARIABLES:
        environment.pop(name, None)
    environment.update(ours)
    if by_position:
        return (*args[:_POPEN_ENV_POSITION], environment, *args[_POPEN_ENV_POSITION + 1 :]), kwargs
    return args, {**kwargs, "env": environment}
