"""State of a client's session (USE and SET), for its later requests that name the same `session_id`."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass, field

# As many are remembered, and each for so many seconds after its last request unless it asks for others.
_MOST, _SECONDS, _MOST_SECONDS = 256, 60.0, 3600.0
_LONGEST_NAME, _MOST_SETTINGS = 256, 200


@dataclass
class Session:
    """Settings by name, as they were written, and the database; None where none was chosen."""

    database: str | None = None
    settings: dict[str, str] = field(default_factory=dict)
    until: float = 0.0

    def change(self, settings: list[tuple[str, str]]) -> None:
        """Keep settings that were looked at already."""
        if len(self.settings.keys() | dict(settings).keys()) <= _MOST_SETTINGS:
            self.settings.update(settings)


class Sessions:
    """Those of one door. For one thread (an event loop's)."""

    def __init__(self) -> None:
        """Nobody has said anything yet."""
        self._sessions: OrderedDict[str, Session] = OrderedDict()

    def of(self, session_id: str, timeout: str = "") -> Session:
        """The session of that name, a new one where it has none or a name that is none."""
        now = time.monotonic()
        if not 0 < len(session_id) <= _LONGEST_NAME:
            return Session()
        session = self._sessions.pop(session_id, None)
        if session is None or session.until < now:
            session = Session()
        seconds = float(timeout) if timeout.isdecimal() and len(timeout) < 9 else _SECONDS
        session.until = now + min(seconds, _MOST_SECONDS)
        self._sessions[session_id] = session
        if len(self._sessions) > _MOST:
            self._sessions.popitem(last=False)
        return session
