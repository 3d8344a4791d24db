"""Limit those log lines of uvicorn that any stranger can cause to one of each kind a minute, so that nobody fills a
disk with them.
"""

from __future__ import annotations

import logging
import time
from typing import Final

# An answer that fails half way has no end, on purpose: its client would take it for a whole one. The failure is in what it got.
_NEVER: Final = "without completing response"
_SECONDS: Final = 60.0


class Told(logging.Filter):
    """Passes a warning if none of its text was passed in the last minute; errors always."""

    def __init__(self) -> None:
        """Nothing was told yet."""
        super().__init__()
        self._told: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record is written."""
        text = str(record.msg)
        if _NEVER in text:
            return False
        if record.levelno != logging.WARNING:
            return True
        now = time.monotonic()
        if now - self._told.get(text, -_SECONDS) < _SECONDS:
            return False
        self._told[text] = now
        return True
