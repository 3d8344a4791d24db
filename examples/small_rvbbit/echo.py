"""A session's memory, and all of them by session id."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass
class Echo:
    """One session: who it works for, and the history of its messages."""

    session_id: str
    caller_id: str | None = None
    parent_session_id: str | None = None
    cascade_id: str | None = None
    invocation_metadata: Mapping[str, object] | None = None
    history: list[dict[str, object]] = field(default_factory=list)

    def add_history(self, entry: dict[str, object]) -> None:
        """Remember a message."""
        self.history.append(entry)


class SessionManager:
    """Sessions by id."""

    def __init__(self) -> None:
        """No sessions yet."""
        self._sessions: dict[str, Echo] = {}
        self._lock = threading.Lock()

    def get_session(
        self,
        session_id: str,
        parent_session_id: str | None = None,
        caller_id: str | None = None,
        invocation_metadata: Mapping[str, object] | None = None,
    ) -> Echo:
        """The Echo of a session, made if it is new."""
        with self._lock:
            echo = self._sessions.get(session_id)
            if echo is None:
                echo = Echo(session_id, caller_id, parent_session_id, None, invocation_metadata)
                self._sessions[session_id] = echo
            return echo

    def forget(self, session_id: str) -> None:
        """Drop a session that has ended."""
        with self._lock:
            self._sessions.pop(session_id, None)


sessions = SessionManager()
