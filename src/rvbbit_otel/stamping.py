"""The one rule of who a span or a log record belongs to.

explicit attribute  >  the Echo of its own session  >  baggage in its context  >  none. Its own session is the one that it names, else the one
that its context works for, else its parent span's. A session id can't be stale, baggage can: so the Echo wins, and says so. Never a guess.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from opentelemetry import trace
from opentelemetry.context import Context, get_current
from opentelemetry.trace.propagation import _SPAN_KEY
from opentelemetry.util.types import AnyValue

from rvbbit_otel.attributes import CALLER_CONFLICT, CALLER_ID, CALLER_ORIGIN, CALLER_SOURCE, SESSION_ID
from rvbbit_otel.caller import parse_session_id, valid_caller_id
from rvbbit_otel.errors import InvalidIdError
from rvbbit_otel.propagation import caller_id_of, origin_of, session_of
from rvbbit_otel.registry import EchoRegistry
from rvbbit_otel.telemetry import Counters

# Shared by all that nobody claims, and by all that were claimed by hand, so they are never changed.
UNCLAIMED: Final[Mapping[str, str]] = {CALLER_SOURCE: "none"}
EXPLICIT: Final[Mapping[str, str]] = {CALLER_SOURCE: "explicit"}


class Stamper:
    """Decides what is written onto a span or a record; writes nothing itself."""

    def __init__(self, registry: EchoRegistry, counters: Counters) -> None:
        """Decide by the sessions of `registry`."""
        self._find = registry.get
        self._counters = counters

    def stamp(self, attributes: Mapping[str, AnyValue], context: Context | None) -> Mapping[str, str]:
        """The attributes to add to something that starts with `attributes` in `context` (None: the current one)."""
        if context is None:
            context = get_current()
        stated = attributes.get(SESSION_ID)
        session_id = stated if stated is not None else _session_around(context)
        echo = self._find(session_id) if isinstance(session_id, str) else None

        if CALLER_ID in attributes and (explicit := self._valid(attributes[CALLER_ID])) is not None:
            stamp = EXPLICIT
            if echo is not None and echo.caller is not None and echo.caller.id != explicit:
                stamp = self._conflicting(stamp, echo.caller.id)
            return self._with_session(stamp, stated, session_id)
        ambient = caller_id_of(context)
        if echo is not None and echo.caller is not None:
            if ambient is not None and ambient != echo.caller.id:
                return self._conflicting(echo.stamp, ambient)
            return echo.stamp
        if ambient is not None:
            return self._with_session(_by_baggage(ambient, origin_of(ambient, context)), stated, session_id)
        return self._with_session(UNCLAIMED, stated, session_id)

    def late_stamp(self, attributes: Mapping[str, AnyValue]) -> Mapping[str, str] | None:
        """The stamp of the session that an ended span names, None if that session is not known or nobody claims it."""
        session_id = attributes.get(SESSION_ID)
        echo = self._find(session_id) if isinstance(session_id, str) else None
        return echo.stamp if echo is not None and echo.caller is not None else None

    def _with_session(self, stamp: Mapping[str, str], stated: object, session_id: object) -> Mapping[str, str]:
        if session_id is None:
            return stamp
        if isinstance(stated, str):
            try:
                parse_session_id(stated)
            except InvalidIdError:
                self._counters.add("invalid_ids.session")
        elif stated is not None:
            self._counters.add("invalid_ids.session")
        elif isinstance(session_id, str):
            return {SESSION_ID: session_id, **stamp}
        return stamp

    def _valid(self, stated: object) -> str | None:
        known = valid_caller_id(stated) if isinstance(stated, str) else None
        if known is None:
            self._counters.add("invalid_ids.caller")
        return known

    def _conflicting(self, stamp: Mapping[str, str], rival: str) -> Mapping[str, str]:
        self._counters.add("conflicts.stamp")
        return {**stamp, CALLER_CONFLICT: rival}


def _session_around(context: Context) -> object:
    session_id = session_of(context)
    if session_id is not None:
        return session_id
    # Some libraries start spans in a context of their own making that holds the parent span and nothing else.
    if context.get(_SPAN_KEY) is None:
        return None
    parent_attributes = getattr(trace.get_current_span(context), "attributes", None)
    return parent_attributes.get(SESSION_ID) if parent_attributes else None


@lru_cache(maxsize=1024)  # The same few callers' spans; what is handed out is never changed.
def _by_baggage(caller_id: str, origin: str | None) -> Mapping[str, str]:
    stamp = {CALLER_ID: caller_id, CALLER_SOURCE: "baggage"}
    return stamp if origin is None else {**stamp, CALLER_ORIGIN: origin}
