"""A child process for what may hang, crash or print: bounded in time, silent, and gone afterwards with all that it started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path


def run_module(module: str, arguments: list[str], environ: Mapping[str, str], seconds: float) -> tuple[str, int | None]:
    """Run ``python -m module RESULT arguments...``; what it wrote to the file RESULT, and its exit status, None if it ran out of time."""
    with tempfile.TemporaryDirectory(prefix="rvbbit-otel-") as folder:
        result = Path(folder) / "result"
        child = subprocess.Popen(
            [sys.executable, "-m", module, str(result), *arguments],
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            status: int | None = child.wait(seconds)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            _end(child)
        return (result.read_text(encoding="utf-8", errors="replace") if result.exists() else ""), status


def _end(child: subprocess.Popen[bytes]) -> None:
    # What it started goes with it, and may be there though it has ended itself.
    with contextlib.suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(child.pid, signal.SIGKILL)
        else:
            child.kill()
    child.wait()
