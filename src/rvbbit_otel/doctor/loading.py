"""Loads OpenTelemetry instrumentations for real, as a launcher does: run in a process of its own, since they patch what they find, and may crash.

``python -m rvbbit_otel.doctor.loading RESULT NAME...`` writes JSON objects to the file RESULT, a line each, as it goes: ``{"trying": name}``, then
``{"name", "state": "used" | "conflict" | "failed", "why", "needs"}``; `needs`: a module that it imports and that is not installed.
"""

from __future__ import annotations

import importlib.metadata
import json
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from opentelemetry.instrumentation.dependencies import get_dependency_conflicts

GROUP: Final = "opentelemetry_instrumentor"
_LONGEST: Final = 300


def load(name: str) -> dict[str, Any]:
    """Load one instrumentation and return whether that worked, or why it did not."""
    try:
        (point, *_) = importlib.metadata.entry_points(group=GROUP, name=name)
        instrumentor = point.load()()
        conflict = get_dependency_conflicts(instrumentor.instrumentation_dependencies())
        if conflict is not None:
            return {"name": name, "state": "conflict", "why": str(conflict), "needs": ""}
        instrumentor.instrument(skip_dep_check=True)
    except BaseException as error:  # noqa: BLE001 - SystemExit too: it is somebody else's code, and must not end the others
        missing = error.name if isinstance(error, ModuleNotFoundError) else ""
        why = f"{type(error).__name__}: {error}".splitlines()[0][:_LONGEST]
        return {"name": name, "state": "failed", "why": why, "needs": missing or ""}
    return {"name": name, "state": "used", "why": "", "needs": ""}


def main(result: str, names: list[str]) -> None:
    """Write what becomes of each to the file `result`."""
    logging.disable(logging.CRITICAL)
    with Path(result).open("w", encoding="utf-8") as file:

        def say(line: dict[str, Any]) -> None:
            file.write(json.dumps(line) + "\n")
            file.flush()

        _load_all(names, say)
    os._exit(0)


def _load_all(names: list[str], say: Callable[[dict[str, Any]], None]) -> None:
    for name in names:
        say({"trying": name})
        say(load(name))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
