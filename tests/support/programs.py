"""Programs that are built from Go modules, and addresses for them."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

COLLECTOR_DIR = Path(__file__).parents[2] / "collector"


@cache
def built(script: str) -> Path:
    """The binary of `collector/<script>`, from its cache or built now; a script that fails says why on standard error."""
    finished = subprocess.run([COLLECTOR_DIR / script], stdout=subprocess.PIPE, text=True, check=True)
    return Path(finished.stdout.splitlines()[-1])


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on now, all different."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def until(what: str, holds: Callable[[], bool], seconds: float = 120, why: Callable[[], object] = lambda: "") -> None:
    """Ask again and again until `holds`; after `seconds` the test fails with `what` and the answer of `why`."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds} s still not: {what}\n{why()}")
        time.sleep(0.05)
