"""What we remember of a session."""

from __future__ import annotations

from dataclasses import dataclass, field

from opentelemetry.trace import SpanContext

from rvbbit_otel.attributes import CALLER_ID, CALLER_ORIGIN, CALLER_SOURCE, SESSION_ID
from rvbbit_otel.caller import Caller, SessionId


@dataclass(frozen=True, slots=True)
class Echo:
    """One session: its caller, its parent, its cascade, and the span that its rows hang under.

    `ended` is the monotonic time in seconds at which the session ended, None while it lives. `stamp` is what is written onto a span of this
    session, made once so that stamping is a copy of three strings; it is empty for a session that nobody claims.
    """

    session_id: SessionId
    caller: Caller | None = None
    parent_session_id: SessionId | None = None
    cascade_id: str | None = None
    span_context: SpanContext | None = None
    ended: float | None = None
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
        object.__setattr__(self, "stamp", stamp)
