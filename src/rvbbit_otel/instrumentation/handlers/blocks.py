"""Blocks of an application's own code, `called_by`: each is a session of its caller's, unless one of that caller's is around it."""

from __future__ import annotations

import os
import secrets
import time
from asyncio import CancelledError

from opentelemetry.context import Context

from rvbbit_otel.attributes import (
    CASCADE_ID,
    SESSION_EVENT,
    SESSION_ID,
    SESSION_PARENT_ID,
    SESSION_STATUS,
    SessionEvent,
)
from rvbbit_otel.attribution.caller import SessionId
from rvbbit_otel.attribution.propagation import with_work
from rvbbit_otel.attribution.scope import Close, Opening
from rvbbit_otel.attribution.work import Work
from rvbbit_otel.counters import Counters
from rvbbit_otel.instrumentation.emit.spans import Attributes, Spans, put
from rvbbit_otel.instrumentation.state.callers import Callers, CallerScope


class Blocks:
    """Opens and closes them."""

    def __init__(self, callers: Callers, spans: Spans, counters: Counters) -> None:
        self._callers = callers
        self._spans = spans
        self._counters = counters

    def open(self, opening: Opening, around: Context) -> tuple[Work, Context, Close]:
        """A block of this caller's work, or of nobody's; blocks nest, and what a runner sets inside nests too."""
        scope = CallerScope(opening.caller, around, block=True)
        context, session = with_work(around, scope), None
        try:
            if opening.caller is None:
                self._counters.add("invalid_ids.caller")
            context = self._callers.begin(scope)
            if opening.caller is not None and (opening.session_id is not None or scope.session_id is None):
                outer = scope.base.session_id if scope.base is not None else None
                scope.session_id, scope.echo = opening.session_id or _new_session(opening.caller.id), None
                scope.in_block = True
                context = with_work(context, scope)
                session = _Session(self._spans, context, scope.session_id, outer, opening.name)
                session.begin()
        except Exception as error:  # noqa: BLE001 - never into the host
            self._counters.error("called_by", error)

        def close(error: BaseException | None) -> None:
            try:
                if session is not None:
                    session.end(error)
            except Exception as failure:  # noqa: BLE001 - never into the host
                self._counters.error("called_by", failure)
            try:
                self._callers.end_block(scope)
            except Exception as failure:  # noqa: BLE001 - never into the host
                self._counters.error("called_by", failure)
                scope.ended = True  # Whatever became of it: what has ended says nothing any more.

        return scope, context, close


class _Session:
    """The rows of a block: one when it begins, so that it is seen while it runs, and one when it ends."""

    def __init__(
        self, spans: Spans, context: Context, session_id: SessionId, parent: SessionId | None, name: str
    ) -> None:
        self._spans = spans
        self._context = context
        self._session_id = session_id
        self._parent = parent
        self._name = name
        self._process = os.getpid()

    def begin(self) -> None:
        """It begins."""
        self._tell("start", "running", None)

    def end(self, error: BaseException | None) -> None:
        """It was left; `error`: by this exception."""
        if self._process != os.getpid():
            return  # A forked child leaves it too, which ends nothing.
        if error is None or isinstance(error, GeneratorExit):
            self._tell("end", "completed", None)
        elif isinstance(error, CancelledError):
            self._tell("end", "cancelled", None)
        else:
            self._tell("end", "error", error)

    def _tell(self, event: SessionEvent, status: str, error: BaseException | None) -> None:
        attributes: Attributes = {SESSION_ID: self._session_id, SESSION_EVENT: event, SESSION_STATUS: status}
        put(attributes, SESSION_PARENT_ID, self._parent)
        put(attributes, CASCADE_ID, self._name)
        now = time.time_ns()
        span = self._spans.start(f"session {event}", "session", self._context, attributes, start_time=now)
        if error is not None:
            self._spans.fail(span, error)
        span.end(now)


def _new_session(caller_id: str) -> SessionId:
    return SessionId(f"{caller_id}/{secrets.token_hex(6)}")
