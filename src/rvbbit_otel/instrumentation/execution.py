"""Attaching a context for a call and taking it off again; what is handed over to another line of execution; locks that nothing can hang on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import Token
from types import CodeType
from typing import Any, Final

from opentelemetry import context as context_api
from opentelemetry.context import Context, attach, get_current

from rvbbit_otel.attribution import work
from rvbbit_otel.attribution.lines import here
from rvbbit_otel.attribution.propagation import caller_id_of, effective, handed_over
from rvbbit_otel.counters import failed

__all__ = ["Asked", "Job", "RenewedLock", "Within", "code_of", "current_context", "enter", "here", "leave"]

# The current context without the API's two calls around it, which cost a UDF a microsecond; the API's own where a runtime of another kind is set, or
# it is kept elsewhere.
current_context: Final[Callable[[], Context]] = getattr(
    getattr(getattr(context_api, "_RUNTIME_CONTEXT", None), "_current_context", None), "get", get_current
)


def enter(context: Context) -> Token[Context]:
    """Attach a context; give what it returns to `leave`."""
    if work.in_generators():
        context = _within_blocks(context)
    return attach(context)


def _within_blocks(context: Context) -> Context:
    entered = context.get(work.WORK_KEY)
    if isinstance(entered, work.Work) and (inside := work.within_blocks(entered)) is not entered:
        return Context({**context, work.WORK_KEY: inside})
    return context


def leave(token: Token[Context]) -> None:
    """Put back what was there before `enter`; nothing happens in another contextvars context, where it was never attached."""
    try:
        token.var.reset(token)
    except (ValueError, RuntimeError, AttributeError):
        # A generator or a coroutine that is closed by the garbage collector, anywhere. `opentelemetry.context.detach` would log an error.
        return


class Within:
    """A block that runs in another context, None for the one that it finds; whatever goes wrong with that, the block runs and has its result."""

    __slots__ = ("_context", "_token")

    def __init__(self, context: Context | None) -> None:
        """In this one."""
        self._context = context
        self._token: Token[Context] | None = None

    def __enter__(self) -> None:
        """Attach it."""
        try:
            if self._context is not None:
                self._token = enter(self._context)
        except Exception as error:  # noqa: BLE001 - the host's block runs, for whoever it finds
            failed("flows.enter", error)

    def __exit__(self, *_: object) -> None:
        """Put back what was there."""
        try:
            if self._token is not None:
                leave(self._token)
        except Exception as error:  # noqa: BLE001 - and has what it has
            failed("flows.leave", error)


class Job:
    """A piece of work that is handed over: it runs for whoever handed it over, on whichever thread, from its begin to its end."""

    __slots__ = ("context",)

    def __init__(self, context: Context | None = None, code: CodeType | None = None) -> None:
        """Handed over by whoever works in `context` (None: in the current one)."""
        self.context = handed_over(get_current() if context is None else context, code)

    def run(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Call a function as this job."""
        fresh = token = None
        try:
            fresh = work.begin_afresh()
            token = enter(self.context)
        except Exception as error:  # noqa: BLE001 - the host's function runs, for whoever it finds
            failed("flows.job", error)
        try:
            return function(*args, **kwargs)
        finally:
            try:
                if token is not None:
                    leave(token)
                if fresh is not None:
                    work.go_on(fresh)
            except Exception as error:  # noqa: BLE001 - and gives what it gives
                failed("flows.job", error)


class Asked:
    """The context of whoever called something that begins later (at its first step, or when it is awaited), so that
    it runs as theirs.

    Where nobody is known to have called it, it is whose the first step is.
    """

    __slots__ = ("_caller_id", "_context", "_token")

    def __init__(self) -> None:
        """By whoever works here now."""
        context = get_current()
        self._caller_id = caller_id_of(context) if work.speaks(context) else None
        self._context = handed_over(effective(context)) if self._caller_id is not None else None
        self._token: Token[Context] | None = None

    def __enter__(self) -> None:
        """Work as they, if that is not who works here now."""
        try:
            if self._context is not None and self._caller_id != caller_id_of(None):
                self._token = enter(self._context)
        except Exception as error:  # noqa: BLE001 - the host's call goes on
            failed("flows.asked", error)
            if self._token is None and self._context is not None:
                self._token = attach(Context())  # Nobody's, rather than of whoever makes the first step.

    def __exit__(self, *_: object) -> None:
        """Work as whoever works here now."""
        token, self._token = self._token, None
        if token is not None:
            leave(token)


def code_of(function: object) -> CodeType | None:
    """The code of what a job will run, None for what is no Python function."""
    for _ in range(8):
        inner = getattr(function, "func", None) or getattr(function, "__func__", None)
        if inner is None:
            break
        function = inner
    code = getattr(function, "__code__", None)
    return code if isinstance(code, CodeType) else None


class RenewedLock:
    """A lock that a forked child starts with anew: another thread may have held it at the fork, and is not there to give it back.

    The thread that holds it may take it again: Python runs finalizers, signal handlers and log calls in the middle of any code.
    """

    def __init__(self, register: Callable[[Callable[[], None]], None]) -> None:
        """`register` is told what to do in a forked child."""
        # For a `with`: taken and given back by Python itself, since code of ours that fails in between would leave it taken for ever.
        self.held = threading.RLock()
        register(self._renew)

    def _renew(self) -> None:
        self.held = threading.RLock()
