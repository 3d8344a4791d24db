"""The state of each session, as this runner keeps it."""

from __future__ import annotations

import threading
import time


class SessionStateManager:
    """Status by session id."""

    def __init__(self) -> None:
        """No sessions yet."""
        self._states: dict[str, dict[str, object]] = {}
        self._lock = threading.Lock()

    def create_session(self, session_id: str, cascade_id: str, parent_session_id: str | None = None) -> None:
        """A session starts to run."""
        with self._lock:
            self._states[session_id] = {"status": "running", "cascade_id": cascade_id, "started_at": time.time()}

    def update_status(self, session_id: str, status: str, error: str | None = None) -> None:
        """A session's status changes."""
        with self._lock:
            self._states.setdefault(session_id, {}).update(status=status, error=error)

    def heartbeat(self, session_id: str) -> None:
        """A session shows that it lives."""
        with self._lock:
            self._states.setdefault(session_id, {})["last_seen"] = time.time()


states = SessionStateManager()
