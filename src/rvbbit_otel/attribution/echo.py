"""The Echo: the record of a session."""

from __future__ import annotations

from dataclasses import dataclass, field

from opentelemetry.trace import SpanContext

from rvbbit_otel.attributes import CALLER_CONFLICT, CALLER_ID, CALLER_ORIGIN, CALLER_SOURCE, CASCADE_ID, SESSION_ID
from rvbbit_otel.attribution.caller import Caller, SessionId


@dataclass(frozen=True, slots=True)
class Echo:
    """One run of a session: its caller, its parent, its cascade, and the span that its rows hang under.

    run: a number of its own for each run; the same session id may come again. opened: Unix time in nanoseconds at which the run began, `ended` the
    monotonic time in seconds at which it ended, None while it lives. before: the latest Unix time in nanoseconds at which an earlier run of the id
    was alive, None without one. conflict: another caller that was claimed for it. unclaimed: it is nobody's, whatever is around it. running: its
    cascade has started. `stamp` is what is written onto a span of this run, made once so that stamping is a copy of a few strings; it is empty for
    a run that nobody claims.
    """

    session_id: SessionId
    caller: Caller | None = None
    parent_session_id: SessionId | None = None
    cascade_id: str | None = None
    span_context: SpanContext | None = None
    ended: float | None = None
    conflict: str | None = None
    unclaimed: bool = False
    running: bool = False
    run: int = 0
    opened: int = 0
    before: int | None = None
    stamp: dict[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Make the stamp."""
        stamp = {}
        if self.caller is not None:
            stamp = {
                SESSION_ID: self.session_id,
                CALLER_ID: self.caller.id,
                CALLER_SOURCE: "echo",
                CALLER_ORIGIN: self.caller.origin,
            }
            if self.conflict is not None and self.conflict != self.caller.id:
                stamp[CALLER_CONFLICT] = self.conflict
            if self.cascade_id is not None:
                stamp[CASCADE_ID] = self.cascade_id
        object.__setattr__(self, "stamp", stamp)
