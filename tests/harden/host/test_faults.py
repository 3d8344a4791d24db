"""Figure 7: an error raised in each function of ours that runs in a host, at its begin and at its end, of three kinds, and by signals.

The host prints the same to the byte, its own errors pass, nothing escapes, each fault is counted and logged once, no span is another's.
"""

from __future__ import annotations

import ast
import importlib
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.harden.host.doors import DOORS, ELSEWHERE, PLAIN, UNREACHED

ROOT = Path(__file__).parents[3]
SOURCE = ROOT / "src" / "rvbbit_otel"
ERRORS = "error,memory,recursion,late"
SIGNALS = "handled,timed out,interrupted"


def lived(kinds: str, every: int, seed: int) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.harden.host.faults", kinds, str(every), str(seed)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "examples")))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("kinds", "full", "bounded"), [(ERRORS, 3, 30), (SIGNALS, 8, 60)], ids=["errors of ours", "signals of the host's"]
)
def test_a_fault_anywhere_leaves_the_host_its_result(
    kinds: str, full: int, bounded: int, seed: int, sized: Callable[[int, int], int]
) -> None:
    *lives, census, cases = _split(lived(kinds, sized(full, bounded), seed))
    # With us and without us, and nothing struck.
    for life in lives:
        assert (life["differing"], life["escaped"], life["errors"], life["broken"]) == ([], [], {}, None), life
    assert census["reached"] > 700
    wrong = [f"{case['place']} {case['kind']}: {case['complaints'][0]}" for case in cases if case["complaints"]]
    print(f"{len(cases)} cases of {census['reached']} places, by kind {dict(Counter(case['kind'] for case in cases))}")
    assert cases and wrong == []


def _split(lines: list[dict[str, Any]]) -> list[Any]:
    lives = [line for line in lines if "life" in line]
    (census,) = [line for line in lines if "places" in line]
    return [*lives, census, [line for line in lines if "place" in line]]


def is_there(name: str) -> bool:
    """Whether a function of this name is in our code; those of PLAIN are compiled as they are, so the census does not see them."""
    module, _, path = name.partition(":")
    found: Any = importlib.import_module(module)
    for part in path.split("."):
        found = getattr(found, part, None)
    return callable(found)


def test_every_function_is_struck_or_has_a_reason() -> None:
    """Of all functions in all of our modules: those that no life reaches are listed, one by one, with why; and no name in a list is stale."""
    census = lived("none", 1, 0)[-1]
    unreached = {name.partition("@")[0] for name in census["unreached"]}
    assert sorted(unreached - UNREACHED.keys() - DOORS.keys() - set(PLAIN)) == []
    assert [name for name in PLAIN if not is_there(name)] == []
    known = {name.partition("@")[0] for name in census["names"]}
    assert sorted((DOORS.keys() | UNREACHED.keys() | set(PLAIN)) - known) == []
    loaded = {name.partition(":")[0] for name in known}
    modules = {
        ".".join(("rvbbit_otel", *path.relative_to(SOURCE).with_suffix("").parts)).removesuffix(".__init__")
        for path in SOURCE.rglob("*.py")
        if any(
            isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            for node in ast.walk(ast.parse(path.read_text()))
        )
    }
    elsewhere = {name for name in modules if any(f"{name}.".startswith(f"{part}.") for part in ELSEWHERE)}
    assert sorted(modules - loaded - elsewhere) == []
    assert sorted(loaded & elsewhere) == []
