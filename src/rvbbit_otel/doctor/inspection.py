"""Looks at one runner by importing it for real: run in a process of its own, since a runner may hang, print or crash when it is imported.

``python -m rvbbit_otel.doctor.inspection RESULT name NAME`` or ``... RESULT file FILE`` writes JSON objects to the file RESULT, a line each,
as it goes: ``{"spec": ...}`` or ``{"error": ...}``; ``{"absent": module}``; ``{"importing": module}``; ``{"failed": module, "why": ...}``; at the
end ``{"hooks": [...]}``, a HookReport each.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import logging
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rvbbit_otel.errors import SpecError
from rvbbit_otel.instrumentation.hooks import HookReport, can_be_imported, installed_version, is_installed
from rvbbit_otel.instrumentation.instrumentor import Instrumentation
from rvbbit_otel.instrumentation.runners import GROUP, SHIPPED, loaded, names
from rvbbit_otel.instrumentation.runners.toml_file import load_spec
from rvbbit_otel.instrumentation.spec.impact import lost_with
from rvbbit_otel.instrumentation.spec.model import RunnerSpec
from rvbbit_otel.settings import Settings

Say = Callable[[dict[str, Any]], None]


def inspect(how: str, which: str, say: Say) -> None:
    """Say all there is to say of the runner with this name, or of the spec in this file."""
    try:
        spec = load_spec(which) if how == "file" else _named(which)
    except SpecError as error:
        say({"error": str(error)})
        return
    except BaseException as error:  # noqa: BLE001 - a package of somebody else is imported
        say({"error": f"it can't be imported: {_told(error)}"})
        return
    say(
        {
            "spec": {
                "name": spec.name,
                "module": spec.module,
                "distribution": spec.distribution,
                "versions": spec.versions,
            },
            "version": installed_version(spec),
        }
    )
    if not is_installed(spec):
        say({"absent": spec.module})
        return
    say({"hooks": [asdict(line) for line in _walk(spec, say)]})


def check_spec(spec: RunnerSpec) -> list[HookReport]:
    """Import the runner that `spec` describes and return what becomes of each of its hooks, in the spec's order.

    For a test of a spec: ``assert {line.state for line in check_spec(SPEC)} == {"matched"}``. Of a hook that is lost, `detail` says what was looked
    for and `lost` what that costs. Nothing stays wrapped. Raises SpecError if the runner's module is not installed. New in version 0.1.
    """
    if not is_installed(spec):
        raise SpecError(f"{spec.name}: its module {spec.module} can't be imported: install the runner beside the test")
    return _walk(spec, lambda _: None)


def _walk(spec: RunnerSpec, say: Say) -> list[HookReport]:
    # The same walk as in an instrumented program; without a provider nothing is recorded.
    hooks = Instrumentation(Settings(mend_runner=False), None, {}).hooks
    hooks.apply(spec, by_name=False)
    failed: dict[str, str] = {}
    for module in dict.fromkeys([spec.module, *_own_modules_first(spec)]):
        if not can_be_imported(module):
            continue  # The walk knows that already.
        say({"importing": module})
        try:
            importlib.import_module(module)
        except BaseException as error:  # noqa: BLE001 - SystemExit too: the runner's, and it must not end the inspection
            failed[module] = _told(error)
            say({"failed": module, "why": failed[module]})
    lines = []
    for hook, line in zip(spec.hooks, hooks.report(), strict=True):
        if line.state == "waiting":
            why = failed.get(hook.module, "it is not imported with the runner")
            line = replace(
                line, state="missing", detail=f"{hook.module} can't be imported: {why}", lost=lost_with(hook)
            )
        lines.append(line)
    hooks.remove()
    return lines


def _named(name: str) -> RunnerSpec:
    for entry_point in importlib.metadata.entry_points(group=GROUP, name=name):
        spec = loaded(entry_point)
        if spec.name != name:
            raise SpecError(f"entry point {name} of {GROUP} is the spec of {spec.name}: call both the same")
        return spec
    for spec in SHIPPED:
        if spec.name == name:
            return spec
    raise SpecError(f"there is no runner {name}; there are {', '.join(sorted(names()))}")


def _own_modules_first(spec: RunnerSpec) -> list[str]:
    # What belongs to others is wrapped once the runner is imported.
    return sorted({hook.module for hook in spec.hooks}, key=lambda name: not spec.owns(name))


def _told(error: BaseException) -> str:
    text = (str(error).splitlines() or [""])[0][:300]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def main(result: str, how: str, which: str) -> None:
    """Write what `inspect` says to the file `result`."""
    logging.disable(logging.CRITICAL)
    with Path(result).open("w", encoding="utf-8") as file:

        def say(line: dict[str, Any]) -> None:
            file.write(json.dumps(line) + "\n")
            file.flush()

        inspect(how, which, say)
    # Threads that the runner started, and what it does at exit, are not waited for.
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:4])
