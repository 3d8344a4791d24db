"""Sessions: opened once, hung under their caller's span wherever they run, ended when their cascade ends."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from opentelemetry import trace
from opentelemetry.context import Context, get_current
from opentelemetry.trace import Span, SpanContext

from rvbbit_otel.attributes import (
    CASCADE_ID,
    SESSION_EVENT,
    SESSION_ID,
    SESSION_PARENT_ID,
    SESSION_STATUS,
    SessionEvent,
)
from rvbbit_otel.caller import Caller, SessionId, parse_session_id
from rvbbit_otel.echo import Echo
from rvbbit_otel.errors import InvalidIdError
from rvbbit_otel.instrumentation.callers import Callers
from rvbbit_otel.instrumentation.flows import RenewedLock
from rvbbit_otel.instrumentation.spans import Attributes, Spans, hanging_under, put, without_span
from rvbbit_otel.propagation import caller_id_of, caller_of, session_of, with_caller, with_session
from rvbbit_otel.registry import EchoRegistry
from rvbbit_otel.telemetry import Counters

RUNNING: Final = "running"
COMPLETED: Final = "completed"
ERROR: Final = "error"
# Said by the cascade's own span when it ends, so that a status gets no second row.
_FAILED: Final = frozenset({ERROR, "failed", "aborted", "timeout"})
_FINAL: Final = frozenset({COMPLETED, "cancelled"}) | _FAILED
# Seconds between two heartbeat rows of a session, however often the runner sends one.
HEARTBEAT_SECONDS: Final = 30.0


class Run:
    """A session whose cascade runs in this process."""

    __slots__ = ("cascade_id", "error", "seen", "span", "status")

    def __init__(self, span: Span, cascade_id: str | None) -> None:
        self.span = span
        self.cascade_id = cascade_id
        self.status = RUNNING
        self.error: object = None
        self.seen = time.monotonic()


class Sessions:
    """The sessions that runners of this process open."""

    def __init__(
        self,
        registry: EchoRegistry,
        callers: Callers,
        spans: Spans,
        counters: Counters,
        register_after_fork: Callable[[Callable[[], None]], None],
    ) -> None:
        self.registry = registry
        self.spans = spans
        self._callers = callers
        self._counters = counters
        self._lock = RenewedLock(register_after_fork)
        self._runs: dict[str, Run] = {}

    def id_of(self, value: object) -> SessionId | None:
        """A session id as a runner gives it, else that of the context; None, and counted, for one that breaks the format."""
        if value is None:
            return session_of(None)
        try:
            return parse_session_id(value if isinstance(value, str) else str(value))
        except InvalidIdError:
            self._counters.add("invalid_ids.session")
            return None

    def open(
        self,
        session_id: SessionId,
        *,
        parent: object = None,
        caller_id: object = None,
        metadata: object = None,
        cascade_id: str | None = None,
        starts: bool = False,
    ) -> Echo:
        """Remember a session; the first time, emit its start. `starts`: a cascade starts, so a session that has ended begins anew."""
        known = self.registry.get(session_id)
        if known is not None and _nothing_new(known, parent, caller_id, cascade_id, starts):
            return known
        with self._lock:
            known = self.registry.get(session_id)
            parent_id = None if parent is None or parent == session_id else self.id_of(parent)
            caller = self._claimant(caller_id, metadata, parent_id)
            fresh = known is None
            if known is not None and known.ended is not None:
                # A runner looks an old session up to log one more line: that does not start it again. Another caller does.
                rival = caller.id if caller is not None and caller_id is not None else None
                fresh = starts or (rival is not None and (known.caller is None or rival != known.caller.id))
                if not fresh:
                    return known
            echo = self.registry.open(session_id, caller, parent_session_id=parent_id, cascade_id=cascade_id)
            if not fresh:
                return echo
            if echo.caller is not None:
                self._callers.introduce(echo.caller)
            place = self._place(echo)
            start = self._event(echo, "start", RUNNING, place)
            under = trace.get_current_span(place).get_span_context()
            if under.is_valid or start.is_valid:
                self.registry.hang(session_id, under if under.is_valid else start)
            return self.registry.get(session_id) or echo

    def owner(self, session_id: object, parent: object) -> Caller | None:
        """Whom a session belongs to: its Echo says, else its parent's, else the context; None if nobody is known."""
        for known in (session_id, parent):
            echo = self.registry.get(known) if isinstance(known, str) else None
            if echo is not None and echo.caller is not None:
                return echo.caller
        return caller_of(None)

    def context_for(self, session_id: SessionId) -> Context:
        """Where to start a span of this session: below the current span if that is of the session too, else below the session's own."""
        current = get_current()
        if session_of(current) == session_id:
            return current
        echo = self.registry.get(session_id)
        if echo is not None and echo.span_context is not None:
            # The caller around stays: where it is another one, the stamp says that two answers differed.
            return hanging_under(echo.span_context, current)
        if echo is not None and echo.caller is not None and echo.caller.id != caller_id_of(current):
            return without_span(current)
        return current

    def attached(self, session_id: SessionId | None, context: Context) -> Context:
        """The context in which work of this session runs."""
        if session_id is None or session_of(context) == session_id:
            return context
        echo = self.registry.get(session_id)
        if echo is not None and echo.caller is not None and caller_id_of(context) != echo.caller.id:
            context = with_caller(context, echo.caller)
        return with_session(context, session_id)

    def cascade_context(self, echo: Echo) -> Context:
        """Where the span of a session's cascade starts."""
        if session_of(None) == echo.session_id:
            return get_current()
        return self._place(echo)

    def is_running(self, session_id: SessionId, cascade_id: str | None) -> bool:
        """Whether this context is within that very cascade of the session: some runners have several ways in, one calling the other."""
        run = self._runs.get(session_id)
        return run is not None and run.cascade_id == cascade_id and session_of(None) == session_id

    def begin(self, session_id: SessionId, span: Span, cascade_id: str | None) -> Run | None:
        """The session's cascade runs now; None if it does already, which makes this one a part of that."""
        run = Run(span, cascade_id)
        if self._runs.setdefault(session_id, run) is not run:
            return None
        if span.get_span_context().is_valid:
            self.registry.hang(session_id, span.get_span_context())
        return run

    def finish(self, session_id: SessionId, run: Run, failed: bool, status: object) -> None:
        """The cascade has ended, and the session with it."""
        self._runs.pop(session_id, None)
        if isinstance(status, str) and status:
            run.status = status
        elif run.status not in _FINAL or failed:
            run.status = (run.status if run.status in _FINAL - {COMPLETED} else ERROR) if failed else COMPLETED
        ending: Attributes = {SESSION_EVENT: "end"}
        put(ending, SESSION_STATUS, run.status)
        run.span.set_attributes(ending)
        if not failed and run.status in _FAILED:
            # Some runners note an error and return as if all were well.
            self.spans.fail_as_told(run.span, run.status, run.error)
        self.registry.end(session_id)

    def status(self, session_id: SessionId, status: object, error: object = None) -> None:
        """The runner says how a session is doing, and what went wrong."""
        text = str(status)
        run = self._runs.get(session_id)
        if run is not None:
            before, run.status = run.status, text
            run.error = error if text in _FAILED else None
            if text in _FINAL or text == before:
                return
        self._emit(session_id, "status", text, error)

    def heartbeat(self, session_id: SessionId) -> None:
        """The runner says that a session lives; a row of that every `HEARTBEAT_SECONDS`."""
        run = self._runs.get(session_id)
        if run is not None and time.monotonic() - run.seen >= HEARTBEAT_SECONDS:
            run.seen = time.monotonic()
            self._emit(session_id, "heartbeat", run.status)

    def end(self, session_id: SessionId, status: object) -> None:
        """The runner says that a session is over."""
        run = self._runs.get(session_id)
        if run is not None:
            if status is not None:
                run.status = str(status)
            return
        self._emit(session_id, "end", COMPLETED if status is None else str(status))
        self.registry.end(session_id)

    def _emit(self, session_id: SessionId, event: SessionEvent, status: str, error: object = None) -> None:
        echo = self.registry.get(session_id) or Echo(session_id)
        self._event(echo, event, status, self.context_for(session_id), error)

    def _event(
        self, echo: Echo, event: SessionEvent, status: str, context: Context, error: object = None
    ) -> SpanContext:
        attributes: Attributes = {SESSION_ID: echo.session_id, SESSION_EVENT: event}
        put(attributes, SESSION_STATUS, status)
        put(attributes, SESSION_PARENT_ID, echo.parent_session_id)
        put(attributes, CASCADE_ID, echo.cascade_id)
        now = time.time_ns()
        span = self.spans.start(f"session {event}", "session", context, attributes, start_time=now)
        if status in _FAILED:
            self.spans.fail_as_told(span, status, error)
        span.end(now)
        return span.get_span_context()

    def _claimant(self, caller_id: object, metadata: object, parent: SessionId | None) -> Caller | None:
        """Who opens a session: whom the runner names, else (None here) whom its parent belongs to, else whom the context belongs to."""
        if caller_id is not None and not self._callers.is_guess(caller_id):
            known = self._callers.root_of(str(caller_id))
            if known is not None:
                return known.caller
            try:
                return Caller.of(caller_id, metadata)
            except InvalidIdError:
                self._counters.add("invalid_ids.caller")
        echo = self.registry.get(parent) if parent is not None else None
        if echo is not None and echo.caller is not None:
            return None
        return caller_of(None)

    def _place(self, echo: Echo) -> Context:
        """Where a session hangs: in the context if that works for the same caller, else under its parent's span, else its caller's root.

        The context's own caller stays in it: where it is another one than the session's, the stamp says that two answers differed.
        """
        current = get_current()
        if echo.caller is None or caller_id_of(current) == echo.caller.id:
            return current
        parent = self.registry.get(echo.parent_session_id) if echo.parent_session_id is not None else None
        if parent is not None and parent.span_context is not None and parent.caller == echo.caller:
            return hanging_under(parent.span_context, current)
        root = self._callers.root_of(echo.caller.id)
        if root is not None:
            return hanging_under(root.span_context, current)
        if caller_id_of(current) is None:
            return current
        # A caller of which nothing else is known, in a context of another one: a trace of its own.
        return without_span(current)


def _nothing_new(known: Echo, parent: object, caller_id: object, cascade_id: str | None, starts: bool) -> bool:
    """Whether opening a session again would change nothing: true for most calls, and asked without a lock."""
    if known.ended is not None:
        return not starts and caller_id is None
    return (
        known.caller is not None
        and (caller_id is None or caller_id == known.caller.id)
        and (parent is None or known.parent_session_id is not None)
        and (cascade_id is None or known.cascade_id is not None)
    )
