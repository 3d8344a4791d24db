"""The one rule of who a span or a log record belongs to.

explicit attribute  >  the Echo of its own session  >  the work that it is part of  >  baggage from a trusted sender  >  none. Its own session is the
one that it names, else that of its work, else its parent span's. A session that is named and was forgotten is nobody's. Never a guess.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from opentelemetry import trace
from opentelemetry.context import Context, get_current
from opentelemetry.util.types import AnyValue

from rvbbit_otel.attributes import CALLER_CONFLICT, CALLER_ID, CALLER_SOURCE, CASCADE_ID, SESSION_ID
from rvbbit_otel.attribution.caller import parse_session_id, valid_caller_id
from rvbbit_otel.attribution.echo import Echo
from rvbbit_otel.attribution.propagation import copied_from, foreign_caller_id, foreign_session_id
from rvbbit_otel.attribution.registry import EchoRegistry
from rvbbit_otel.attribution.work import Work, work_of
from rvbbit_otel.context_keys import BAGGAGE_KEY, SPAN_KEY
from rvbbit_otel.counters import Counters
from rvbbit_otel.errors import InvalidIdError

# Where a span's attributes keep their stamp, for the repair at export: an attribute of the mapping object, no entry of it.
STAMP_SLOT: Final = "rvbbit_stamp"
# There, too, what we ourselves put on a span of ours.
OWN_SLOT: Final = "rvbbit_own"
# ... and the run of a session that a span of nobody's belongs to, which may get a caller while the span runs.
RUN_SLOT: Final = "rvbbit_run"
# ... and that a span named a caller which can't be one.
DISOWNED_SLOT: Final = "rvbbit_disowned"
# The attributes of the longest stamp: its session, cascade, caller, source and origin, and one of conflict and candidate.
MOST_ENTRIES: Final = 6
# Shared by all that nobody claims, so it is never changed.
UNCLAIMED: Final[Mapping[str, str]] = {CALLER_SOURCE: "none"}


class Stamper:
    """Decides what is written onto a span or a record; writes nothing itself."""

    def __init__(self, registry: EchoRegistry, counters: Counters) -> None:
        """Decide by the sessions of `registry`."""
        self._find = registry.get
        self._knew = registry.knew
        self._counters = counters

    def stamp(self, attributes: Mapping[str, AnyValue], context: Context | None) -> Mapping[str, str]:
        """The attributes to add to something that starts with `attributes` in `context` (None: the current one)."""
        if context is None:
            context = get_current()
        work = work_of(context)
        stated = attributes.get(SESSION_ID)
        ambient = foreign_caller_id(context) if BAGGAGE_KEY in context else None
        # The common cases, each a short way through the rule below.
        if ambient is None:
            if work is None:
                if stated is None:
                    if SPAN_KEY not in context:
                        return self._by_itself(attributes)
                elif type(stated) is str and CALLER_ID not in attributes:
                    echo = self._find(stated)
                    if echo is not None and echo.caller is not None:
                        return echo.stamp
            elif stated is None and CALLER_ID not in attributes:
                echo = self._run_of(work)
                return work.stamp if echo is None else self._of_run(echo, work)
        return self._stamp(attributes, context, work, stated, ambient)

    def _by_itself(self, attributes: Mapping[str, AnyValue]) -> Mapping[str, str]:
        """Of what starts where nothing is known."""
        if CALLER_ID not in attributes:
            return UNCLAIMED
        explicit = self._valid(attributes[CALLER_ID])
        return UNCLAIMED if explicit is None else by_hand(explicit)

    def run_of(self, session_id: str, context: Context | None) -> int | None:
        """The run that something belongs to which starts in this context and is of this session, None if none is known."""
        work = work_of(get_current() if context is None else context)
        if work is not None and work.left is not None and work.left.session_id == session_id:
            return work.left.run
        echo = self._run_of(work) if work is not None and work.session_id == session_id else self._find(session_id)
        return None if echo is None else echo.run

    def late_stamp(self, session_id: object, run: int | None, start: int, end: int) -> Mapping[str, str] | None:
        """The stamp of the session that an ended span of nobody's names; `start` and `end` in nanoseconds of Unix time.

        `run`: the one that it was known to belong to. None if that session is not known, nobody claims it, or the span was not within this run.
        """
        echo = self._find(session_id) if isinstance(session_id, str) else None
        if echo is None or echo.caller is None or end < echo.opened:
            return None
        if run is not None:
            return echo.stamp if run == echo.run else None
        return None if echo.before is not None and start <= echo.before else echo.stamp

    def _stamp(
        self,
        attributes: Mapping[str, AnyValue],
        context: Context,
        work: Work | None,
        stated: object,
        ambient: str | None,
    ) -> Mapping[str, str]:
        if CALLER_SOURCE in attributes and (copies := copied_from(context, attributes)):
            return self.stamp({key: value for key, value in attributes.items() if key not in copies}, context)
        if work is None and ambient is None and stated is None and CALLER_ID not in attributes:
            parent = _parent_stamp(context)
            if parent is not None:
                return parent
        session_id, echo = self._session(context, work, stated, ambient)
        around = ambient or (work.caller.id if work is not None and work.caller is not None else None)
        if CALLER_ID in attributes:
            explicit = self._valid(attributes[CALLER_ID])
            if explicit is None:
                return self._with_session(UNCLAIMED, stated, session_id, echo)
            stamp = by_hand(explicit)
            rival = echo.caller.id if echo is not None and echo.caller is not None else around
            if rival is not None and rival != explicit:
                stamp = self._conflicting(stamp, rival)
            return self._with_session(stamp, stated, session_id, echo)
        if echo is not None and echo.caller is not None:
            return echo.stamp if around is None or around == echo.caller.id else self._conflicting(echo.stamp, around)
        if echo is not None and echo.unclaimed:
            return self._with_session(UNCLAIMED, stated, session_id, echo)
        if (
            isinstance(stated, str)
            and echo is None
            and (work is None or work.session_id != stated)
            and self._knew(stated)
        ):
            self._counters.add("forgotten.session")
            return self._with_session(UNCLAIMED, stated, session_id)
        if ambient is not None:
            return self._with_session(_by_baggage(ambient), stated, session_id, echo)
        if work is None:
            return self._with_session(UNCLAIMED, stated, session_id, echo)
        return work.stamp if stated is None else self._with_session(work.stamp, stated, session_id, echo)

    def _session(
        self, context: Context, work: Work | None, stated: object, ambient: str | None
    ) -> tuple[object, Echo | None]:
        """The session of what starts, as it is named, and its run."""
        if stated is None:
            if ambient is not None or work is None:
                session_id: str | None = foreign_session_id(context)
                if session_id is None and work is None and ambient is None:
                    session_id = _parent_session(context)
                return session_id, self._find(session_id) if session_id is not None else None
            return work.session_id, self._run_of(work)
        if work is not None and stated == work.session_id:
            return stated, self._run_of(work)
        echo = self._find(stated) if isinstance(stated, str) else None
        left = None if work is None or echo is None else work.left
        if left is not None and left.session_id == stated and left.run != echo.run:  # type: ignore[union-attr]
            return stated, None  # The run that it came from, or the one that has its id now: nobody can say.
        return stated, echo

    def _run_of(self, work: Work) -> Echo | None:
        """The run that the work belongs to: what is known of it now; another run of the same id is not it."""
        if work.session_id is None:
            return None
        known, own = self._find(work.session_id), work.echo
        return known if own is None or (known is not None and known.run == own.run) else own

    def _of_run(self, echo: Echo, work: Work) -> Mapping[str, str]:
        if echo.caller is None:
            return work.stamp
        stamp: Mapping[str, str] = echo.stamp
        if work.weak:
            stamp = {**stamp, CALLER_SOURCE: "inherited"}
        caller = work.caller
        return stamp if caller is None or caller.id == echo.caller.id else self._conflicting(stamp, caller.id)

    def _with_session(
        self, stamp: Mapping[str, str], stated: object, session_id: object, echo: Echo | None = None
    ) -> Mapping[str, str]:
        """The stamp with the session that was found, or with the one that was named, so that it can be restored; and with its cascade."""
        if echo is not None and echo.cascade_id is not None:
            stamp = {**stamp, CASCADE_ID: echo.cascade_id}
        if stated is None:
            return {**stamp, SESSION_ID: session_id} if isinstance(session_id, str) else stamp
        if isinstance(stated, str):
            try:
                return {**stamp, SESSION_ID: parse_session_id(stated)}
            except InvalidIdError:
                pass
        self._counters.add("invalid_ids.session")
        unnamed = {**stamp}
        unnamed.pop(SESSION_ID, None)
        return unnamed

    def _valid(self, stated: object) -> str | None:
        known = valid_caller_id(stated) if isinstance(stated, str) else None
        if known is None:
            self._counters.add("invalid_ids.caller")
        return known

    def _conflicting(self, stamp: Mapping[str, str], rival: str) -> Mapping[str, str]:
        self._counters.add("conflicts.stamp")
        return {**stamp, CALLER_CONFLICT: rival}


def _parent_stamp(context: Context) -> Mapping[str, str] | None:
    """The stamp of the parent span where that is of a session.

    Some libraries start spans in a context of their own making that holds the parent span and nothing else.
    """
    if context.get(SPAN_KEY) is None:
        return None
    attributes = getattr(
        trace.get_current_span(context), "_attributes", None
    )  # What `attributes` gives is a view without the slot.
    stamp: Mapping[str, str] | None = getattr(attributes, STAMP_SLOT, None)
    return stamp if stamp is not None and stamp.get(CALLER_SOURCE) == "echo" else None


def _parent_session(context: Context) -> str | None:
    attributes = getattr(trace.get_current_span(context), "attributes", None)
    session_id = attributes.get(SESSION_ID) if attributes else None
    return session_id if isinstance(session_id, str) else None


def own_cascade(stamp: Mapping[str, str]) -> Mapping[str, str]:
    """The stamp for what names its cascade itself: one that runs in another's session is not that one."""
    return {key: value for key, value in stamp.items() if key != CASCADE_ID}


@lru_cache(maxsize=1024)  # The same few callers' spans; what is handed out is never changed.
def by_hand(caller_id: str) -> Mapping[str, str]:
    """The stamp of what names its caller itself."""
    return {CALLER_ID: caller_id, CALLER_SOURCE: "explicit"}


@lru_cache(maxsize=1024)
def _by_baggage(caller_id: str) -> Mapping[str, str]:
    return {CALLER_ID: caller_id, CALLER_SOURCE: "baggage"}
