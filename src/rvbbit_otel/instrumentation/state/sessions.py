"""Sessions: opened once, hung under their caller's span wherever they run, ended when their cascade ends."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanContext

from rvbbit_otel.attributes import (
    CASCADE_ID,
    SESSION_EVENT,
    SESSION_ID,
    SESSION_PARENT_ID,
    SESSION_STATUS,
    SessionEvent,
)
from rvbbit_otel.attribution.caller import Caller, SessionId, parse_session_id
from rvbbit_otel.attribution.echo import Echo
from rvbbit_otel.attribution.propagation import (
    block_session_of,
    caller_id_of,
    caller_of,
    session_of,
    with_session,
    with_work,
    without_attribution,
)
from rvbbit_otel.attribution.registry import EchoRegistry
from rvbbit_otel.attribution.work import Work, work_of
from rvbbit_otel.counters import Counters
from rvbbit_otel.errors import InvalidIdError
from rvbbit_otel.instrumentation.emit.spans import Attributes, Spans, hanging_under, put, without_span
from rvbbit_otel.instrumentation.execution import current_context
from rvbbit_otel.instrumentation.state.callers import Callers

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

    __slots__ = ("cascade_id", "echo", "error", "seen", "span", "status")

    def __init__(self, echo: Echo, span: Span, cascade_id: str | None) -> None:
        self.echo = echo
        self.span = span
        self.cascade_id = cascade_id
        self.status = RUNNING
        self.error: object = None
        self.seen = time.monotonic()


class Sessions:
    """The sessions that runners of this process open."""

    def __init__(self, registry: EchoRegistry, callers: Callers, spans: Spans, counters: Counters) -> None:
        self.registry = registry
        self.spans = spans
        self._callers = callers
        self._counters = counters
        self._runs: dict[
            int, Run
        ] = {}  # by the number of the run: the same session may run twice at once, for two callers

    def id_of(self, value: object) -> SessionId | None:
        """A session id as a runner gives it, else that of the context; None, and counted, for one that breaks the format."""
        if value is None:
            return session_of(None)
        if type(value) is str and self.registry.get(value) is not None:
            return SessionId(value)  # What is known here was looked at when it came.
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
        if known is not None and not starts and _nothing_new(known, parent, caller_id, cascade_id):
            return known
        parent_id = block_session_of(None) if parent is None else self.id_of(parent)
        parent_id = None if parent_id == session_id else parent_id
        claim = self._claim(caller_id, metadata, parent_id)
        if known is not None and known.ended is None and known.caller is None and not starts and not claim.explicit:
            claim = _Claim(
                None
            )  # Whose work it is looked up from does not say whose it is. A parent that is named late does.
        if known is not None and known.ended is not None and not starts and not claim.is_of_another(known):
            return known  # A runner looks an old session up to log one more line: that does not start it again. Another caller does.
        echo, fresh = self.registry.open_run(
            session_id,
            claim.caller,
            explicit=claim.explicit,
            starts=starts,
            within=_run_around(),
            unclaimed=claim.invalid,
            conflict=claim.conflict,
            parent_session_id=parent_id,
            cascade_id=cascade_id,
        )
        return self._begun(echo) if fresh else echo

    def _begun(self, echo: Echo) -> Echo:
        """A run began: tell of its caller and of itself."""
        if echo.caller is not None:
            self._callers.introduce(echo.caller)
        place = self._place(echo)
        start = self._event(echo, "start", RUNNING, place)
        under = trace.get_current_span(place).get_span_context()
        if under.is_valid or start.is_valid:
            self.registry.hang(echo.session_id, under if under.is_valid else start, echo.run)
        return self._known(echo)

    def _known(self, echo: Echo) -> Echo:
        """Return the Echo of exactly this run, if it is still known."""
        known = self.registry.get(echo.session_id)
        return known if known is not None and known.run == echo.run else echo

    def owner(self, session_id: object, parent: object) -> Caller | None:
        """Whom a session belongs to: its Echo says, else its parent's, else the context; None if nobody is known."""
        for known in (session_id, parent):
            echo = self._run_named(known) if isinstance(known, str) else None
            if echo is not None and echo.caller is not None:
                return echo.caller
        return caller_of(None)

    def context_for(self, session_id: SessionId) -> Context:
        """Return the context to start a span of this session in: below the current span if that is of the session
        too, else below the session's own.
        """
        current = current_context()
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
        if echo is not None:
            return self.within(echo, context)
        if self.registry.knew(session_id):
            return with_session(
                without_attribution(context), session_id
            )  # Forgotten: whoever is around is not whose it is.
        return with_session(context, session_id)

    def within(self, echo: Echo, context: Context) -> Context:
        """The context in which work of this run runs."""
        around = work_of(context)
        if around is not None and around.echo is not None and around.echo.run == echo.run:
            return context
        return with_work(context, Work(echo.caller, around, session_id=echo.session_id, echo=echo))

    def cascade_context(self, echo: Echo) -> Context:
        """Return the context in which the span of a session's cascade starts and its work runs."""
        current = current_context()
        work = work_of(current)
        if work is not None and work.echo is not None and work.echo.run == echo.run:
            return current
        return self.within(echo, self._place(echo))

    def said_here(self) -> Context | None:
        """The context of the same run as one that was named in this line of execution, and by whose steps that are left it goes on."""
        context = current_context()
        work = work_of(context)
        if work is None:
            return None
        return with_work(context, Work(work.caller, work, session_id=work.session_id, echo=work.echo))

    def is_running(self, session_id: SessionId, cascade_id: str | None) -> bool:
        """Return whether the current context is within this cascade of the session, or within any (None): some
        runners have several entry points that call each other.
        """
        work = work_of(current_context())
        if work is None or work.echo is None or work.session_id != session_id:
            return False
        run = self._runs.get(work.echo.run)
        return run is not None and cascade_id in (None, run.cascade_id)

    def cascade_of(self, session_id: SessionId) -> str | None:
        """The cascade that whoever opened the session said it is for."""
        echo = self.registry.get(session_id)
        return echo.cascade_id if echo is not None and echo.ended is None else None

    def begin(self, echo: Echo, span: Span, cascade_id: str | None) -> Run | None:
        """The run's cascade starts now; None if it has one already, which makes this one a part of that."""
        run = Run(echo, span, cascade_id)
        if self._runs.setdefault(echo.run, run) is not run:
            return None
        if span.get_span_context().is_valid:
            self.registry.hang(echo.session_id, span.get_span_context(), echo.run)
        return run

    def finish(self, run: Run, failed: bool, status: object) -> None:
        """The cascade has ended, and the run with it."""
        self._runs.pop(run.echo.run, None)
        if isinstance(status, str) and status:
            run.status = status
        elif run.status not in _FINAL or failed:
            run.status = (run.status if run.status in _FINAL - {COMPLETED} else ERROR) if failed else COMPLETED
        ending: Attributes = {SESSION_EVENT: "end"}
        put(ending, SESSION_STATUS, run.status)
        self.spans.add(run.span, ending)
        if not failed and run.status in _FAILED:
            # Some runners note an error and return as if all were well.
            self.spans.fail_as_told(run.span, run.status, run.error)
        self.registry.end(run.echo.session_id, run.echo.run)

    def status(self, session_id: SessionId, status: object, error: object = None) -> None:
        """The runner says how a session is doing, and what went wrong."""
        text = str(status)
        run = self._running(session_id)
        if run is not None:
            before, run.status = run.status, text
            run.error = error if text in _FAILED else None
            if text in _FINAL or text == before:
                return
        self._emit(session_id, "status", text, error)

    def heartbeat(self, session_id: SessionId) -> None:
        """The runner says that a session lives; a row of that every `HEARTBEAT_SECONDS`."""
        run = self._running(session_id)
        if run is not None and time.monotonic() - run.seen >= HEARTBEAT_SECONDS:
            run.seen = time.monotonic()
            self._emit(session_id, "heartbeat", run.status)

    def end(self, session_id: SessionId, status: object) -> None:
        """The runner says that a session is over."""
        run = self._running(session_id)
        if run is not None:
            if status is not None:
                run.status = str(status)
            return
        echo = self._run_named(session_id)
        if echo is not None and echo.ended is not None:
            return  # Said twice: the second ends nothing.
        self._emit(session_id, "end", COMPLETED if status is None else str(status))
        self.registry.end(session_id, None if echo is None else echo.run)

    def _run_named(self, session_id: str) -> Echo | None:
        """The run that a session id means here: the one that this work is part of, else the latest."""
        work = work_of(current_context())
        if work is not None and work.session_id == session_id and work.echo is not None:
            return self._known(work.echo)
        return self.registry.get(session_id)

    def _running(self, session_id: SessionId) -> Run | None:
        echo = self._run_named(session_id)
        return self._runs.get(echo.run) if echo is not None else None

    def _emit(self, session_id: SessionId, event: SessionEvent, status: str, error: object = None) -> None:
        echo = self._run_named(session_id) or Echo(session_id)
        self._event(echo, event, status, self.context_for(session_id), error)

    def _event(
        self, echo: Echo, event: SessionEvent, status: str, context: Context, error: object = None
    ) -> SpanContext:
        attributes: Attributes = {SESSION_ID: echo.session_id, SESSION_EVENT: event}
        put(attributes, SESSION_STATUS, status)
        put(attributes, SESSION_PARENT_ID, echo.parent_session_id)
        put(attributes, CASCADE_ID, echo.cascade_id)
        now = time.time_ns()
        within = self.within(echo, context) if echo.run else context
        span = self.spans.start(f"session {event}", "session", within, attributes, start_time=now)
        if status in _FAILED:
            self.spans.fail_as_told(span, status, error)
        span.end(now)
        return span.get_span_context()

    def _claim(self, caller_id: object, metadata: object, parent: SessionId | None) -> _Claim:
        """Return the caller that a session is opened for: the one that the runner names, else that of the work
        around it, else (if there is none) its parent's.
        """
        around = caller_of(current_context())
        echo = self._run_named(parent) if parent is not None else None
        parents = echo.caller if echo is not None else None
        if caller_id is not None and not self._callers.is_guess(caller_id):
            known = self._callers.root_of(str(caller_id))
            try:
                caller = known.caller if known is not None else Caller.of(caller_id, metadata)
            except InvalidIdError:
                self._counters.add("invalid_ids.caller")
                return _Claim(None, explicit=True, invalid=True)
            return _Claim(caller, explicit=True, conflict=_other(caller, around or parents))
        return _Claim(around or parents, conflict=_other(around, parents))

    def _place(self, echo: Echo) -> Context:
        """Return the context that a session's span starts in: the current one if it works for the same caller, else
        its parent's span, else its caller's root.

        The context's own caller stays in it: where it is another one than the session's, the stamp says that two answers differed.
        """
        current = current_context()
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


@dataclass(frozen=True, slots=True)
class _Claim:
    """The caller that a session is claimed for, and whether the runner itself named it."""

    caller: Caller | None
    explicit: bool = False
    conflict: str | None = None
    invalid: bool = False

    def is_of_another(self, known: Echo) -> bool:
        """Return whether the claim differs from the known caller of the session."""
        return self.invalid or (self.caller is not None and (known.caller is None or self.caller.id != known.caller.id))


def _run_around() -> int | None:
    work = work_of(current_context())
    return work.echo.run if work is not None and work.echo is not None else None


def _other(caller: Caller | None, rival: Caller | None) -> str | None:
    """The rival's id, None if it is the same caller's."""
    return rival.id if caller is not None and rival is not None and rival.id != caller.id else None


def _nothing_new(known: Echo, parent: object, caller_id: object, cascade_id: str | None) -> bool:
    """Return whether opening a live session again would change nothing: true for most calls, and asked without a
    lock.
    """
    return (
        known.ended is None
        and known.caller is not None
        and (caller_id is None or caller_id == known.caller.id)
        and (parent is None or known.parent_session_id is not None)
        and (cascade_id is None or known.cascade_id is not None)
    )
