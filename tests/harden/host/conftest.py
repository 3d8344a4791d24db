from __future__ import annotations

import os
import random
from collections.abc import Callable
from typing import Any

import hypothesis
import pytest

FULL = os.environ.get("HARDEN_SIZE", "bounded") == "full"


@pytest.fixture
def sized() -> Callable[[int, int], int]:
    """The full or the bounded of two numbers, as HARDEN_SIZE says."""
    return lambda full, bounded: full if FULL else bounded


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """Another one each time, which is shown where the test fails; HARDEN_SEED replays one."""
    chosen = int(os.environ.get("HARDEN_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"HARDEN_SEED={chosen} replays {request.node.name}")
    request.node.user_properties.append(("seed", chosen))
    return chosen


@pytest.fixture
def explore(seed: int) -> Callable[..., int]:
    """Hypothesis with that seed: calls `check` with so many examples, and gives how many there were."""

    def run(strategy: Any, check: Callable[[Any], None], examples: int) -> int:
        seen = 0

        @hypothesis.seed(seed)
        @hypothesis.settings(
            max_examples=examples,
            deadline=None,
            database=None,
            suppress_health_check=list(hypothesis.HealthCheck),
            print_blob=True,
        )
        @hypothesis.given(strategy)
        def each(value: Any) -> None:
            nonlocal seen
            seen += 1
            check(value)

        each()
        return seen

    return run
