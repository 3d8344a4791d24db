"""How much a test does: a little in `make test`, its figure's size in `make harden`, and what five minutes allow in CI (docs/reliability.md)."""

from __future__ import annotations

import os
import random

SIZE = os.environ.get("HARDEN_SIZE", "")
# Of all that is random in a run. It is told at the end of one that failed; HARDEN_SEED asks for the same again.
SEED = int(os.environ.get("HARDEN_SEED") or random.SystemRandom().randrange(10**6))
os.environ["HARDEN_SEED"] = str(SEED)  # The processes that share the tests, and those that tests start, have the same.


def sized(usual: int, *, bounded: int | None = None, full: int) -> int:
    """How many: `usual` in `make test`, `bounded` (as usual unless it is given) and `full` where HARDEN_SIZE says so."""
    sizes = {"": usual, "bounded": usual if bounded is None else bounded, "full": full}
    return sizes[SIZE]


def in_time(what: str, seconds: float, most: float) -> None:
    """A figure that is about time. It is held to where the size is the figure's own: elsewhere a busy machine would fail for nothing."""
    assert SIZE != "full" or seconds <= most, f"{what}: {seconds:.3f} s; at most {most} s"
