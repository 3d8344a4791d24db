"""Start and end of a serving process: a file that says it is ready, and SIGTERM."""

from __future__ import annotations

import json
import os
import signal
import socketserver
import threading
from collections.abc import Mapping
from pathlib import Path


def write_ready(path: Path, facts: Mapping[str, object]) -> None:
    """Write the file in one step, so that nobody reads half of it."""
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps({"pid": os.getpid(), **facts}))
    partial.replace(path)


def serve_until_terminated(server: socketserver.BaseServer, ready_file: Path, facts: Mapping[str, object]) -> None:
    """Say that it serves, and serve until SIGTERM or Ctrl-C."""

    def stop(*_: object) -> None:
        threading.Thread(target=server.shutdown).start()  # It waits for the loop below, which runs in this thread.

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    write_ready(ready_file, facts)
    # The loop looks up ten times a second. A main thread that waited on a lock would sleep on, if one of DuckDB's threads was given the signal.
    server.serve_forever(poll_interval=0.1)
    server.server_close()
