"""What really happened, one JSON object a line: callers made, sessions run, rows logged. The ground truth of every test."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import IO

_lock = threading.Lock()
_file: IO[str] | None = None


def open_journal(path: Path) -> None:
    """Write to this file from now on."""
    global _file
    path.parent.mkdir(parents=True, exist_ok=True)
    _file = path.open("a", encoding="utf-8")


def write(event: str, **fields: object) -> None:
    """Append one event; nothing happens while no journal is open."""
    if _file is None:
        return
    line = json.dumps({"event": event, **fields}, default=str)
    with _lock:
        _file.write(line + "\n")
        _file.flush()
