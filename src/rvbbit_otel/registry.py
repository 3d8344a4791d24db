"""The Echoes of this process by session id: bounded, fork-safe, read without a lock."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from itertools import islice

from opentelemetry.trace import SpanContext

from rvbbit_otel.caller import Caller, SessionId
from rvbbit_otel.echo import Echo
from rvbbit_otel.telemetry import Counters

# Ended sessions forgotten by one call at most, so that expiry is spread over calls instead of pausing one of them.
_EXPIRE_PER_CALL = 8


class EchoRegistry:
    """Session id to Echo.

    Reading is one dictionary look-up, which Python makes atomic. Writers take a lock. An ended session stays for `ended_ttl` seconds, since
    runners log late; when `max_sessions` are held, the one that ended first goes, then those opened first (one, or a thousandth of all at once),
    counted as ``evicted``.
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
        self._echoes: dict[str, Echo] = {}
        # The Echo of a session, or None if it is not known here. The dictionary's own method: it is asked for every span.
        self.get: Callable[[str], Echo | None] = self._echoes.get
        self._ended: deque[Echo] = deque()
        self._max_sessions = max_sessions
        self._ended_ttl = ended_ttl
        self._clock = clock
        self.counters = counters or Counters()
        self._lock = threading.Lock()
        if hasattr(os, "register_at_fork"):
            # A lock that another thread held at the fork would never be released in the child.
            reference = weakref.ref(self)

            def after_in_child() -> None:
                registry = reference()
                if registry is not None:
                    registry._lock = threading.Lock()

            os.register_at_fork(after_in_child=after_in_child)

    def __len__(self) -> int:
        """Sessions remembered now."""
        return len(self._echoes)

    def open(
        self,
        session_id: SessionId,
        caller: Caller | None = None,
        *,
        parent_session_id: SessionId | None = None,
        cascade_id: str | None = None,
        span_context: SpanContext | None = None,
    ) -> Echo:
        """Remember a session, or learn more of one that is remembered; return its Echo.

        Without a caller of its own it inherits its parent's. A session that lives with one caller keeps it when another claims it, and the
        conflict is counted; a session that has ended may be opened again by anyone, which starts it anew.
        """
        with self._lock:
            known = self._echoes.get(session_id)
            if known is not None and known.ended is not None:
                known = None
            parent = self._echoes.get(parent_session_id) if parent_session_id is not None else None
            claimed = caller or (parent.caller if parent is not None else None)
            if known is None:
                echo = Echo(session_id, claimed, parent_session_id, cascade_id, span_context)
                self._echoes.pop(session_id, None)  # So that an opened session is always the youngest.
                self._make_room()
            else:
                if known.caller is not None and caller is not None and caller.id != known.caller.id:
                    self.counters.add("conflicts.session")
                echo = Echo(
                    session_id,
                    known.caller or claimed,
                    known.parent_session_id or parent_session_id,
                    known.cascade_id or cascade_id,
                    known.span_context or span_context,
                )
            self._echoes[session_id] = echo
            self._expire()
            return echo

    def hang(self, session_id: SessionId, span_context: SpanContext) -> None:
        """Let the later rows of a session hang under this span; nothing happens for a session that is not known."""
        with self._lock:
            known = self._echoes.get(session_id)
            if known is not None:
                self._echoes[session_id] = replace(known, span_context=span_context)

    def end(self, session_id: SessionId) -> None:
        """Mark a session as ended: it is remembered for `ended_ttl` seconds more."""
        with self._lock:
            known = self._echoes.get(session_id)
            if known is not None and known.ended is None:
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
            # A dictionary finds its first key by passing all that were deleted before it, so several go at once.
            first = list(islice(self._echoes, max(self._max_sessions // 1000, 1)))
            for session_id in first:
                del self._echoes[session_id]
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
                del self._echoes[first.session_id]
                return True
        return False
