"""Runs checks and says a line for each: "ok NAME", or "FAILED NAME: why"."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def check(name: str, run: Callable[[], Any]) -> None:
    """Run one; it fails by raising."""
    try:
        run()
    except Exception as error:
        print(f"FAILED {name}: {type(error).__name__}: {' '.join(str(error).split())[:500]}", flush=True)
    else:
        print(f"ok {name}", flush=True)


def equal(found: object, expected: object) -> None:
    """Fail unless they are."""
    if found != expected:
        raise AssertionError(f"{found!r} is not {expected!r}")


def refused(code: int, run: Callable[[], Any]) -> None:
    """Fail unless it is refused with the engine's code."""
    try:
        run()
    except Exception as error:
        if f"Code: {code}." not in str(error) and f"code: {code}," not in str(error):
            raise
    else:
        raise AssertionError("no error")
