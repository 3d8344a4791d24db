"""Log each request to the SQL port and to the page as a line of JSON in a file: who asked what, without a value of
the statement.

The file is turned when it is large, and the oldest is removed: the log has a bound. What can't be written costs a line of it, and nothing else.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import MutableMapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

from rvbbit_otel.all_in_one.http.asgi import App, Receive, Scope, Send
from rvbbit_otel.counters import Counters
from rvbbit_otel.redaction.sql import shape

# Where a request's scope has what is to be told of it, and who it is from.
ASKED: Final = "rvbbit_otel.asked"
WHO: Final = "rvbbit_otel.who"
NAME: Final = "access.jsonl"
# Bytes of a file, and how many there are beside the one that is written.
_FILE_BYTES: Final = 16 * 1024 * 1024
_OLDER: Final = 3
# Characters of a statement that are looked at, and that are kept of it.
_READ: Final = 16_384
_KEPT: Final = 2_000
# Of an INSERT its target: what follows are values.
_INSERT: Final = re.compile(rb"\s*INSERT\s+INTO\s+(?:TABLE\s+)?[\w.`\"]{1,200}", re.IGNORECASE)


class Asked:
    """A request's statement as it came, and the number of rows in its answer."""

    def __init__(self, statement: bytes = b"") -> None:
        """Nothing is answered yet."""
        self.statement = statement
        self.rows = 0


def told_of(scope: Scope) -> Asked:
    """Return the record to fill for a request; one that nobody reads if the request is not logged."""
    found = scope.get(ASKED)
    return found if isinstance(found, Asked) else Asked()


class AccessLog:
    """The file."""

    def __init__(self, folder: Path, counters: Counters, size: int = _FILE_BYTES) -> None:
        """Lines go to `folder`; it is turned at `size` bytes."""
        self._path = folder / NAME
        self._counters = counters
        self._size = size
        self._lock = threading.Lock()

    def write(self, line: MutableMapping[str, object]) -> None:
        """Write one line; raises nothing."""
        try:
            with self._lock:
                if self._path.exists() and self._path.stat().st_size >= self._size:
                    self._turn()
                with self._path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(line) + "\n")
        except OSError as error:
            self._counters.error("access_log", error)

    def _turn(self) -> None:
        for number in range(_OLDER, 0, -1):
            older = self._path.with_suffix(f".{number}.jsonl")
            newer = self._path if number == 1 else self._path.with_suffix(f".{number - 1}.jsonl")
            if newer.exists():
                newer.replace(older)


def logged(app: App, log: AccessLog, listener: str) -> App:
    """`app`, with a line for each of its requests."""

    async def logs(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(("/ping", "/replicas_status")):
            await app(scope, receive, send)
            return
        asked = scope[ASKED] = Asked()
        began, now = time.monotonic(), datetime.now(timezone.utc)
        status, size = 0, 0

        async def counted(message: MutableMapping[str, Any]) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
            elif message["type"] == "http.response.body":
                size += len(message.get("body", b""))
            await send(message)

        try:
            await app(scope, receive, counted)
        finally:
            client = scope.get("client")
            log.write(
                {
                    "time": now.isoformat(timespec="milliseconds"),
                    "who": scope.get(WHO) or _user(scope),
                    "from": client[0] if client else "",
                    "listener": listener,
                    # Behind the second part stand ids.
                    "path": "/".join(str(scope["path"]).split("/")[:3]),
                    "statement": in_shape(asked.statement),
                    "rows": asked.rows,
                    "bytes": size,
                    "ms": round(1000 * (time.monotonic() - began)),
                    "status": status,
                }
            )

    return logs


def in_shape(statement: bytes) -> str:
    """A statement with `?` for each value; of an INSERT its target."""
    insert = _INSERT.match(statement)
    if insert is not None:
        return " ".join(insert[0].decode("utf-8", "replace").split())
    text, _ = shape(statement[:_READ].decode("utf-8", "replace"))
    return text[:_KEPT]


def _user(scope: Scope) -> str:
    """The name that a client gives itself, which nothing proves."""
    for key, value in scope["headers"]:
        if key == b"x-clickhouse-user":
            return str(value.decode("latin-1"))[:100]
    return ""
