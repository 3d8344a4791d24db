"""The OpenTelemetry instrumentations beside ours: a launcher skips those that it can't load without a word, and then their calls are no rows."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from opentelemetry.instrumentation.dependencies import get_dist_dependency_conflicts
from opentelemetry.instrumentation.environment_variables import OTEL_PYTHON_DISABLED_INSTRUMENTATIONS
from opentelemetry.sdk.environment_variables import OTEL_SDK_DISABLED

from rvbbit_otel.doctor import loading
from rvbbit_otel.doctor.links import Link
from rvbbit_otel.doctor.processes import run_module

OURS: Final = "rvbbit"
GROUP: Final = loading.GROUP
_SECONDS: Final = 60.0
State = Literal["used", "disabled", "absent", "conflict", "failed"]


@dataclass(frozen=True)
class Instrumentation:
    """One of them.

    state: used; disabled (by the environment); absent (what it instruments is not installed); conflict (another version of that is); failed (it
    can't be loaded). needs: a module that it imports and that is not installed.
    """

    name: str
    state: State
    why: str = ""
    needs: str = ""


def disabled(environ: Mapping[str, str]) -> set[str]:
    """The names that the environment switches off, ``*`` for all."""
    return {name.strip() for name in environ.get(OTEL_PYTHON_DISABLED_INSTRUMENTATIONS, "").split(",")} - {""}


def others(environ: Mapping[str, str]) -> Link:
    """Return a link on the other instrumentations: which are loaded, skipped or failed in a program that a launcher
    starts in this environment.
    """
    off = disabled(environ)
    found: list[Instrumentation] = []
    left: list[str] = []
    for point in sorted(importlib.metadata.entry_points(group=GROUP), key=lambda point: point.name):
        if point.name == OURS:
            continue
        conflict = None if point.dist is None else get_dist_dependency_conflicts(point.dist)
        if "*" in off or point.name in off:
            found.append(Instrumentation(point.name, "disabled", "disabled"))
        elif conflict is None:
            left.append(point.name)
        else:
            other_version = getattr(conflict, "found", None) or getattr(conflict, "found_any", None)
            found.append(Instrumentation(point.name, "conflict" if other_version else "absent", str(conflict)))
    return _judged(found + _loaded(left, environ))


def _loaded(names: list[str], environ: Mapping[str, str]) -> list[Instrumentation]:
    quiet = {**environ, OTEL_SDK_DISABLED: "true"}
    found: list[Instrumentation] = []
    while names:
        text, status = run_module(loading.__name__, names, quiet, _SECONDS, here=False)
        trying = names[0]
        for line in text.splitlines():
            try:
                said = json.loads(line)
            except ValueError:
                break  # Cut off in the middle: the process was ended.
            trying = said.get("trying", "")
            if not trying:
                found.append(Instrumentation(**said))
        known = {each.name for each in found}
        names = [name for name in names if name not in known]
        if names:
            # It took the others with it, which are tried again without it.
            ended = f"did not end within {_SECONDS:.0f} s" if status is None else f"ended the process with {status}"
            found.append(Instrumentation(trying or names[0], "failed", f"loading it {ended}"))
            names = [name for name in names if name != found[-1].name]
    return found


def _judged(found: list[Instrumentation]) -> Link:
    by_state: dict[State, list[Instrumentation]] = {}
    for each in sorted(found, key=lambda each: each.name):
        by_state.setdefault(each.state, []).append(each)
    used, failed, conflicts = (by_state.get(state, []) for state in ("used", "failed", "conflict"))
    skipped = sorted(by_state.get("absent", []) + by_state.get("disabled", []), key=lambda each: each.name)
    seen = [f"beside ours: {', '.join(each.name for each in used) or 'none'}"]
    seen += [f"{each.name} is installed and can't be loaded ({each.why})" for each in failed]
    seen += [f"{each.name} is installed for another version ({each.why})" for each in conflicts]
    if skipped:
        seen.append(f"the launcher skips {'; '.join(f'{each.name} ({each.why})' for each in skipped)}")
    state: Literal["ok", "note", "broken"] = "broken" if failed or conflicts else "note" if skipped else "ok"
    details = {"instrumentations": [vars(each) for each in sorted(found, key=lambda each: each.name)]} if found else {}
    return Link("other instrumentations", state, "; ".join(seen), _remedy(failed, conflicts), details)


def _remedy(failed: list[Instrumentation], conflicts: list[Instrumentation]) -> str:
    """Return what the user should do. The launcher itself is silent about skipped instrumentations, and the calls
    they would record are no rows.
    """
    packages = {each.needs.partition(".")[0] for each in failed if each.needs}
    missing = sorted(package for package in packages if importlib.util.find_spec(package) is None)
    # A package that is there without the module is of another version than the instrumentation was written for.
    apart = conflicts or len(missing) < len(packages)
    steps = [f"install what it imports and does not ask for: {', '.join(missing)}"] if missing else []
    if any(not each.needs for each in failed):
        steps.append("import it by hand and see why")
    if apart:
        steps.append("install versions that fit each other")
    names = ",".join(each.name for each in (*failed, *conflicts))
    return f"{'; '.join(steps)}; or {OTEL_PYTHON_DISABLED_INSTRUMENTATIONS}={names}" if steps else ""
