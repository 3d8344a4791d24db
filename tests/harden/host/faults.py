"""Strikes every place of ours that a host's life reaches, each in a life of its own; a line of JSON for each on standard output.

`python -m tests.harden.host.faults KIND,KIND EVERY SEED`: of each kind every n-th case, beginning where the seed says.
"""

from __future__ import annotations

import json
import random
import sys
from typing import Any, Final

from tests.harden.host import strikes
from tests.harden.host.doors import BY_CHANCE, DOORS, PLAIN, UNREACHED

strikes.install(tuple(DOORS), PLAIN)
_BY_CHANCE = BY_CHANCE | UNREACHED.keys()

from tests.harden.host import life  # noqa: E402
from tests.harden.host.scenes import SCENES  # noqa: E402

# What is imported late, or by some hosts only: before the forks.
import rvbbit_otel.instrumentation.instrumentor  # noqa: E402
import rvbbit_otel.instrumentation.runners.toml_file  # noqa: E402
import rvbbit_otel.instrumentation.web  # noqa: E402
import rvbbit_otel.redaction.logs  # noqa: E402
import rvbbit_otel.sdk.log_fields  # noqa: E402
import rvbbit_otel.sdk.log_record_processor  # noqa: E402
import rvbbit_otel.sdk.otlp_encoder  # noqa: E402, F401

# So many scenes of those that reach a place.
_SCENES: Final = 2
# Left in the middle, with us or without us, these leave processes and pools behind that nobody ends.
_LEAVES_PROCESSES: Final = frozenset({"children", "pools"})
# Signals whose handler raises. With us as without us Python ignores that in a finalizer, and asyncio logs it in one of its callbacks, whose future
# nobody sets then: a host hangs that waits for it ("Note on Signal Handlers and Exceptions" in the documentation of `signal`).
_RAISED: Final = ("timed out", "interrupted")
_LOST: Final = ("ignored in", "logged by asyncio")


def plans(lives: dict[str, dict[str, Any]]) -> dict[int, tuple[str, list[str]]]:
    """For each place that is reached the variant of the life, and the scenes, quickest first, in which it is."""
    found: dict[int, tuple[str, list[str]]] = {}
    for variant, seen in lives.items():
        quickest = sorted(SCENES, key=lambda name: seen["took"][name])
        for place in sorted(set().union(*map(set, seen["parts"].values()))):
            scenes = [name for name in quickest if place in seen["parts"][name]][:_SCENES]
            found.setdefault(place, (variant, scenes or ["telemetry", "blocks"]))
    return found


def complaints(
    seen: dict[str, Any], plain: dict[str, list[str]], allowed: list[str], kind: str, scenes: list[str], door: bool
) -> list[str]:
    """What is wrong with a life in which something was struck."""
    if kind in _RAISED and "loops" in scenes and life.HUNG in seen.get("broken", ""):
        return []
    if "broken" in seen:
        return [f"broken: {seen['broken'][-600:]}"]
    signalled = kind in strikes.SIGNALS
    found = [f"escaped: {what}" for what in seen["escaped"] if not (signalled and what.startswith(_LOST))]
    if strikes.MESSAGE in seen["stderr"] and not found:
        found.append(f"on standard error: {seen['stderr'][-300:]}")
    first = 0
    if kind in _RAISED:
        first = 1  # What was interrupted is the host's own matter; what comes after it is not.
    for number in range(first, 2):
        for name in scenes:
            printed = seen["printed"].get(f"{name} {number}")
            if printed is not None and printed != plain[f"{name} 0"]:
                differing = [pair for pair in zip(plain[f"{name} 0"], printed, strict=False) if pair[0] != pair[1]]
                found.append(
                    f"the host printed something else in {name}: {differing[:1] or (len(printed), printed[-1:])}"
                )
    if not first:  # A host that is interrupted after it has set a caller has not cleared it.
        found += [f"wrong: {what}" for what in seen["wrong"] if what not in allowed]
    if not seen["strikes"]:
        if kind in strikes.SIGNALS or (door and kind == "late"):
            return found  # Only on other threads, and it has no end of its own.
        found.append("it was not struck")
    elif kind in strikes.ERRORS:
        if not seen["errors"]:
            found.append("not counted")
        told = [line for line in seen["told"] if line.endswith(strikes.ERRORS[kind].__name__)]
        if not told:
            found.append("not logged")
        if len(set(told)) != len(told):
            found.append(f"logged again: {max(told, key=told.count)}")
    elif seen["errors"]:
        found.append(f"a signal counted as an error: {seen['errors']}")
    return found


def main() -> None:
    """Strike."""
    kinds, every, seed = sys.argv[1].split(","), int(sys.argv[2]), int(sys.argv[3])
    only = sys.argv[4] if len(sys.argv) > 4 else ""
    names = list(SCENES)
    plain = life.apart(lambda: life.live(names, False))
    lives = {variant: life.looked_at(names, variant) for variant in (life.OPEN, life.CLOSED)}
    for variant, seen in {"plain": plain, **lives}.items():
        differing = [name for name in plain["printed"] if seen.get("printed", {}).get(name) != plain["printed"][name]]
        wrong = {name: seen.get(name) for name in ("escaped", "errors", "wrong", "broken")}
        print(json.dumps({"life": variant, "differing": differing, **wrong, "arrived": seen.get("arrived")}))
    places, found = strikes.PLACES, plans(lives)
    unreached = [place.name for number, place in enumerate(places) if number not in found]
    print(
        json.dumps(
            {
                "places": len(places),
                "reached": len(found),
                "nets and doors": sum(place.door for place in places),
                "unreached": unreached,
                "names": [*(place.name for place in places), *PLAIN],
            }
        )
    )
    cases = [(number, kind) for kind in kinds if kind != "none" for number in found if only in places[number].name]
    random.Random(seed).shuffle(cases)
    for number, kind in cases[::every]:
        variant, scenes = found[number]
        if kind in _RAISED:
            scenes = [name for name in scenes if name not in _LEAVES_PROCESSES]
            if not scenes:
                continue
        around = any(number in lives[variant]["parts"][part] for part in ("start", "end"))
        seen = life.struck(number, kind, scenes, variant, 2, database=around or "queries" in scenes)
        if not seen.get("strikes") and "broken" not in seen and kind not in strikes.SIGNALS:
            # What is kept of an earlier scene is not made again in a later one: all of them, then.
            scenes = names
            seen = life.struck(number, kind, scenes, variant, 1, database=True)
        if not seen.get("strikes") and "broken" not in seen and places[number].name.partition("@")[0] in _BY_CHANCE:
            continue  # A life reached it, as a finalizer's, and this one did not.
        wrong = complaints(
            seen, plain["printed"], [*plain["wrong"], *lives[variant]["wrong"]], kind, scenes, places[number].door
        )
        print(
            json.dumps({"place": places[number].name, "kind": kind, "variant": variant, "scenes": scenes,
                        "complaints": wrong, "strikes": seen.get("strikes"), "seconds": seen.get("seconds")}),
            flush=True,
        )  # fmt: skip


if __name__ == "__main__":
    main()
