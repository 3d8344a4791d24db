"""Carrying the caller into other threads, other processes and programs that are started."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, Final

import wrapt
from opentelemetry import trace
from opentelemetry.context import Context, get_current
from opentelemetry.instrumentation.threading import ThreadingInstrumentor

from rvbbit_otel.instrumentation import flows
from rvbbit_otel.instrumentation.calls import Wrapper
from rvbbit_otel.instrumentation.patching import Patches, TargetMissingError
from rvbbit_otel.propagation import (
    caller_id_of,
    context_from_environment,
    environment_of,
    local_caller_of,
    session_of,
    with_caller,
    without_attribution,
)
from rvbbit_otel.telemetry import Counters

_CARRIED: Final = "_rvbbit_environment"
# Seconds that a forked worker waits for its last spans to leave: it ends without the exit handlers that would do so.
_FLUSH_SECONDS: Final = 2.0
_POPEN_ENV_POSITION: Final = 10
_ATTRIBUTION_VARIABLES: Final = ("TRACEPARENT", "TRACESTATE", "BAGGAGE")


def carried(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that runs in today's context, whenever and wherever in this process it is called."""
    context = get_current()
    caller = local_caller_of(context)
    if caller is not None:
        # Handed over while its caller was set, so it is that caller's for good, even where it runs in the flow that has cleared it since.
        context = with_caller(context, caller)

    def call(wrapped: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
        token = flows.enter(context)
        try:
            return wrapped(*args, **kwargs)
        finally:
            flows.leave(token)

    wrapper: Callable[..., Any] = wrapt.FunctionWrapper(function, call)
    return wrapper


class CarriedCall:
    """A function for another process, which runs there for the caller it was handed over by. Pickled with the function."""

    def __init__(self, function: Callable[..., Any], environment: Mapping[str, str]) -> None:
        self.function = function
        self.environment = environment

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function."""
        token = flows.enter(_context_in_child(self.environment))
        try:
            return self.function(*args, **kwargs)
        finally:
            flows.leave(token)


class Carriers:
    """What is wrapped so that no way out of a thread loses the caller."""

    def __init__(self, patches: Patches, counters: Counters) -> None:
        """Nothing wrapped yet."""
        self._patches = patches
        self._counters = counters
        self._threading: ThreadingInstrumentor | None = None
        self._on = True

    def install(self, leave_threads: bool) -> None:
        """Wrap. `leave_threads`: OpenTelemetry's own launcher takes care of threads, or its user does not want that."""
        threads = ThreadingInstrumentor()
        if not leave_threads and not threads.is_instrumented_by_opentelemetry:
            threads.instrument()
            self._threading = threads
        for module, qualname, wrapper in (
            ("multiprocessing.process", "BaseProcess.start", self._start),
            ("multiprocessing.process", "BaseProcess._bootstrap", self._bootstrap),
            ("concurrent.futures.process", "ProcessPoolExecutor.submit", self._hand_over),
            ("multiprocessing.pool", "Pool.apply_async", self._hand_over),
            ("multiprocessing.pool", "Pool._map_async", self._hand_over),
            ("multiprocessing.pool", "Pool.imap", self._hand_over),
            ("multiprocessing.pool", "Pool.imap_unordered", self._hand_over),
            ("subprocess", "Popen.__init__", self._popen),
        ):
            self._when_imported(module, qualname, wrapper)

    def remove(self) -> None:
        """Give the threads back; the rest is taken out with the other patches."""
        self._on = False
        if self._threading is not None:
            self._threading.uninstrument()
            self._threading = None

    def _when_imported(self, module: str, qualname: str, wrapper: Wrapper) -> None:
        def wrap(loaded: ModuleType) -> None:
            if not self._on:
                return
            try:
                self._patches.put(loaded, qualname, lambda plain, bound: wrapper)
            except (TargetMissingError, AttributeError, TypeError) as error:
                self._counters.error(f"processes.{qualname}", error)

        if module in sys.modules:
            wrap(sys.modules[module])
        else:
            wrapt.register_post_import_hook(wrap, module)

    def _start(self, wrapped: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
        if self._on:
            try:
                setattr(instance, _CARRIED, _environment_now())
            except Exception as error:  # noqa: BLE001 - the host starts its process whatever we find
                self._counters.error("processes.start", error)
        return wrapped(*args, **kwargs)

    def _bootstrap(self, wrapped: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
        if not self._on:
            return wrapped(*args, **kwargs)
        token = None
        try:
            environment = getattr(instance, _CARRIED, None)
            if environment is not None:
                token = flows.enter(_context_in_child(environment))
        except Exception as error:  # noqa: BLE001 - the host's process runs whatever we find
            self._counters.error("processes.bootstrap", error)
        try:
            return wrapped(*args, **kwargs)
        finally:
            if token is not None:
                flows.leave(token)
            _flush()

    def _hand_over(self, wrapped: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
        if self._on and _is_process_pool(instance):
            try:
                # Without a caller, too: the worker may have been forked while another one was active.
                if args:
                    args = (CarriedCall(args[0], _environment_now()), *args[1:])
                elif "func" in kwargs:
                    kwargs = {**kwargs, "func": CarriedCall(kwargs["func"], _environment_now())}
            except Exception as error:  # noqa: BLE001 - the host's call goes on as it is
                self._counters.error("processes.submit", error)
        return wrapped(*args, **kwargs)

    def _popen(self, wrapped: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
        if self._on:
            try:
                args, kwargs = _with_environment(args, kwargs)
            except Exception as error:  # noqa: BLE001 - the host starts its program whatever we find
                self._counters.error("processes.popen", error)
        return wrapped(*args, **kwargs)


def _is_process_pool(pool: Any) -> bool:
    # A ThreadPool is a Pool by class, and shares our objects instead of pickling them; its threads are told apart by the process class it makes.
    return type(pool).__name__ != "ThreadPool"


def _environment_now() -> dict[str, str]:
    context = get_current()
    if caller_id_of(context) is None and session_of(context) is None:
        return {}
    if caller_id_of(context) is None:
        return environment_of(without_attribution(context))
    return environment_of(context)


def _context_in_child(environment: Mapping[str, str]) -> Context:
    current = get_current()
    sent = context_from_environment(environment)
    if caller_id_of(sent) == caller_id_of(current) and session_of(sent) == session_of(current):
        return current  # Forked: the same, and it knows more.
    return sent if caller_id_of(sent) is not None else without_attribution(current)


def _with_environment(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    ours = _environment_now()
    if not ours:
        return args, kwargs
    by_position = len(args) > _POPEN_ENV_POSITION
    given = args[_POPEN_ENV_POSITION] if by_position else kwargs.get("env")
    environment = {**(os.environ if given is None else given)}
    for name in _ATTRIBUTION_VARIABLES:
        environment.pop(name, None)
    environment.update(ours)
    if by_position:
        return (*args[:_POPEN_ENV_POSITION], environment, *args[_POPEN_ENV_POSITION + 1 :]), kwargs
    return args, {**kwargs, "env": environment}


def _flush() -> None:
    flush = getattr(trace.get_tracer_provider(), "force_flush", None)
    if flush is not None:
        waiter = threading.Thread(target=flush, daemon=True)
        waiter.start()
        waiter.join(_FLUSH_SECONDS)
