"""The Echoes of this process by session id: bounded, fork-safe, read without a lock, safe to be entered again by a finalizer or a signal handler."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from itertools import count

from opentelemetry.trace import SpanContext

from rvbbit_otel.attribution.caller import Caller, SessionId
from rvbbit_otel.attribution.echo import Echo
from rvbbit_otel.attribution.echo_map import EchoMap
from rvbbit_otel.attribution.tombstones import Tombstones
from rvbbit_otel.counters import Counters

# Ended sessions forgotten by one call at most, so that expiry is spread over calls instead of pausing one of them.
_EXPIRE_PER_CALL = 8


class EchoRegistry:
    """Session id to Echo.

    Reading is one dictionary look-up, which Python makes atomic, of a session that was asked for lately. Writers take a lock. An ended session stays
    for `ended_ttl` seconds, since runners log late; when `max_sessions` are held, the one that ended first goes, then those opened first (one, or a
    thousandth of all at once), counted as ``evicted``. That a forgotten session was known is still known: `knew`.

    The lock may be taken again by the thread that holds it: Python runs finalizers, signal handlers and log calls in the middle of any code.
    """

    def __init__(
        self,
        max_sessions: int = 100_000,
        ended_ttl: float = 900.0,
        *,
        counters: Counters | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`clock` gives monotonic seconds; tests pass their own."""
        self._lock = threading.RLock()
        self._echoes = EchoMap(self._lock)
        # The Echo of a session, or None if it is not known here.
        self.get: Callable[[str], Echo | None] = self._echoes.get
        self._ended: deque[Echo] = deque()
        self._max_sessions = max_sessions
        self._ended_ttl = ended_ttl
        self._clock = clock
        self.counters = counters or Counters()
        self._runs = count(1)
        self._tombstones = Tombstones()
        if hasattr(os, "register_at_fork"):
            # A lock that another thread held at the fork would never be released in the child.
            reference = weakref.ref(self)

            def after_in_child() -> None:
                registry = reference()
                if registry is not None:
                    registry._lock = registry._echoes.lock = threading.RLock()

            os.register_at_fork(after_in_child=after_in_child)

    def __len__(self) -> int:
        """Sessions remembered now."""
        return len(self._echoes)

    def knew(self, session_id: str) -> bool:
        """Return whether a session of this id was known here and is forgotten."""
        return session_id in self._tombstones

    def open(
        self,
        session_id: SessionId,
        caller: Caller | None = None,
        *,
        explicit: bool = False,
        anew: bool = False,
        conflict: str | None = None,
        parent_session_id: SessionId | None = None,
        cascade_id: str | None = None,
        span_context: SpanContext | None = None,
    ) -> Echo:
        """Remember a session, or learn more of one that is remembered; return its Echo. See `open_run`."""
        return self.open_run(
            session_id,
            caller,
            explicit=explicit,
            anew=anew,
            conflict=conflict,
            parent_session_id=parent_session_id,
            cascade_id=cascade_id,
            span_context=span_context,
        )[0]

    def open_run(
        self,
        session_id: SessionId,
        caller: Caller | None = None,
        *,
        explicit: bool = False,
        anew: bool = False,
        starts: bool = False,
        within: int | None = None,
        unclaimed: bool = False,
        conflict: str | None = None,
        parent_session_id: SessionId | None = None,
        cascade_id: str | None = None,
        span_context: SpanContext | None = None,
    ) -> tuple[Echo, bool]:
        """The same, and whether a run began with it. `starts`: its cascade starts; `within`: the run that whoever asks is in.

        A cascade that starts for another caller, from outside of a run that has one already, is another run at the same time.

        Without a caller of its own it inherits its parent's. A session that lives with one caller keeps it when another claims it, unless that is
        `explicit`: named for this session by the runner. Either way the conflict is counted, and an explicit claim's rows say so. A session that
        has ended, or is opened `anew`, is another run, and whatever holds the Echo from before keeps it. `conflict`: a caller that was known for
        the session by a weaker rule. `unclaimed`: the runner named a caller that breaks the format, so a run that begins is nobody's.
        """
        now = time.time_ns()
        with self._lock:
            known = self._echoes.get(session_id)
            before = None
            if known is not None and starts and known.running and known.run != within:
                owner_id = None if known.caller is None else known.caller.id
                anew = anew or unclaimed or (caller is not None and caller.id != owner_id)
            if known is not None and (anew or known.ended is not None):
                before = now if known.ended is None else now - int((self._clock() - known.ended) * 1e9)
                known = None
            parent = self._echoes.get(parent_session_id) if parent_session_id is not None else None
            claimed = caller or (parent.caller if parent is not None and not unclaimed else None)
            fresh = known is None
            if known is None:
                echo = Echo(
                    session_id,
                    claimed,
                    parent_session_id,
                    cascade_id,
                    span_context,
                    conflict=conflict,
                    unclaimed=unclaimed,
                    running=starts,
                    run=next(self._runs),
                    opened=now,
                    before=before,
                )
                self._echoes.discard(session_id)  # So that an opened session is always the youngest.
                self._make_room()
                if self._tombstones.add(session_id):
                    self.counters.add("evicted.tombstones")
            else:
                # What the runner gave to nobody is not whose work happens to look it up.
                owner = known.caller or (None if known.unclaimed and not explicit else claimed)
                if known.caller is not None and caller is not None and caller.id != known.caller.id:
                    self.counters.add("conflicts.session")
                    if explicit:
                        owner, conflict = caller, known.caller.id
                echo = replace(
                    known,
                    caller=owner,
                    parent_session_id=known.parent_session_id or parent_session_id,
                    cascade_id=known.cascade_id or cascade_id,
                    span_context=known.span_context or span_context,
                    conflict=conflict or known.conflict,
                    unclaimed=known.unclaimed and owner is None,
                    running=known.running or starts,
                )
            self._echoes[session_id] = echo
            self._expire()
            return echo, fresh

    def hang(self, session_id: SessionId, span_context: SpanContext, run: int | None = None) -> None:
        """Let the later rows of a session hang under this span; nothing happens for a session, or a run of it, that is not known."""
        with self._lock:
            known = self._echoes.get(session_id)
            if known is not None and run in (None, known.run):
                self._echoes[session_id] = replace(known, span_context=span_context)

    def end(self, session_id: SessionId, run: int | None = None) -> None:
        """Mark a session as ended, or only this run of it: it is remembered for `ended_ttl` seconds more."""
        with self._lock:
            known = self._echoes.get(session_id)
            if known is not None and known.ended is None and run in (None, known.run):
                ended = replace(known, ended=self._clock())
                self._echoes[session_id] = ended
                self._ended.append(ended)
                if (
                    len(self._ended) > self._max_sessions
                ):  # One id opened and ended over and over leaves an entry each time.
                    self._forget_first_ended()
            self._expire()

    def _make_room(self) -> None:
        while len(self._echoes) >= self._max_sessions:
            if self._forget_first_ended():
                self.counters.add("evicted")
                continue
            # Those that were opened first are looked for in many places, so several go at once.
            first = self._echoes.oldest(max(self._max_sessions // 1000, 1))
            for session_id in first:
                self._echoes.discard(session_id)
            self.counters.add("evicted", len(first))

    def _expire(self) -> None:
        due = self._clock() - self._ended_ttl
        for _ in range(_EXPIRE_PER_CALL):
            if not self._ended or (self._ended[0].ended or 0.0) > due:
                return
            self._forget_first_ended()

    def _forget_first_ended(self) -> bool:
        """Forget the session that ended first; False if none has ended."""
        while self._ended:
            first = self._ended.popleft()
            known = self._echoes.get(first.session_id)
            # A session opened anew since then is another one, and stays. `hang` after the end copies the Echo, so compare its end.
            if known is not None and known.ended == first.ended:
                self._echoes.discard(first.session_id)
                return True
        return False
