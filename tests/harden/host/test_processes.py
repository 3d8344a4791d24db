"""Figures 9, 10 and 23, each in a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def printed(module: str, *arguments: int) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", f"tests.harden.host.{module}", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "examples")))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    print(done.stdout)
    first = done.stdout.splitlines()[0]
    return {what: float(count) for what, count in re.findall(r"(\w+) (-?[\d.]+)", first)}


def test_forks_under_load_end_and_are_stamped_right(seed: int, sized: Callable[[int, int], int]) -> None:
    """Figure 9: 200 forks under load: deadlocks 0, children stamped right."""
    forks = sized(200, 40)
    assert printed("forks", forks, seed) == {"hung": 0, "wrong": 0, "right": forks}


def test_callers_at_once_are_each_right(seed: int, sized: Callable[[int, int], int]) -> None:
    """Figure 10, without faults: 8 callers x 1,000 sessions: every span right."""
    sessions = sized(1_000, 60)
    spans = sum((1, 1, 2, 2, 1, 1)[number % 6] for number in range(sessions)) * 8
    assert printed("crowd", 8, sessions, 0, seed) == {"wrong": 0, "none": 0, "right": spans, "errors": 0}


def test_callers_at_once_while_ours_fails_are_never_another_s(seed: int, sized: Callable[[int, int], int]) -> None:
    """Figure 10, with faults: wrong 0."""
    seen = printed("crowd", 8, sized(1_000, 60), 1, seed)
    assert seen["wrong"] == 0
    assert seen["errors"] > 0 and seen["right"] > seen["none"]


@pytest.mark.parametrize("bound", [1_000])
def test_many_sessions_and_callers_stay_within_their_bound(
    bound: int, seed: int, sized: Callable[[int, int], int]
) -> None:
    """Figure 23: one million sessions and callers: registry at its bound, RSS +50 MB at most, evictions counted, wrong 0."""
    sessions = sized(1_000_000, 40_000)
    seen = printed("million", sessions, bound, seed)
    assert (seen["held"] <= bound, seen["wrong"], seen["errors"]) == (True, 0, 0)
    assert seen["evicted"] > 0 and seen["known"] > 0
    assert seen["grown"] <= 50
