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


def until_terminated(server: socketserver.BaseServer) -> None:
    """Serve until SIGTERM or Ctrl-C, then return."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    # Ten looks a second for the end, which half a second a process would delay.
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
    stop.wait()
    server.shutdown()
    server.server_close()
