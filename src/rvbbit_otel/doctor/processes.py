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


def run_module(
    module: str, arguments: list[str], environ: Mapping[str, str], seconds: float, *, here: bool = True
) -> tuple[str, int | None]:
    """Run ``python -m module RESULT arguments...``; what it wrote to the file RESULT, and its exit status, None if it ran out of time.

    It runs in this folder, or (`here` is false) in an empty one, where it finds the modules of this one all the same.
    """
    # Windows may not let go of a folder that a process was in.
    with tempfile.TemporaryDirectory(prefix="rvbbit-otel-", ignore_cleanup_errors=True) as folder:
        result = Path(folder) / "result"
        elsewhere = Path(folder) / "empty"
        elsewhere.mkdir()
        child = subprocess.Popen(
            [sys.executable, "-m", module, str(result), *arguments],
            env={**environ, "PYTHONPATH": _python_path(environ.get("PYTHONPATH", ""))},
            cwd=None if here else elsewhere,
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


def _python_path(given: str) -> str:
    return os.pathsep.join([str(Path.cwd()), *(str(Path(path).absolute()) for path in given.split(os.pathsep) if path)])


def _end(child: subprocess.Popen[bytes]) -> None:
    # What it started goes with it, and may be there though it has ended itself.
    with contextlib.suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(child.pid, signal.SIGKILL)
        else:
            child.kill()
    child.wait()
