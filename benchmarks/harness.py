"""Interleaved rounds, medians, and one way to print them."""

from __future__ import annotations

import gc
import importlib.metadata
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final, Literal, TypeVar

# smoke: one round of little, to see that it runs; short: what `make bench` has time for; full: the sizes of the limits.
Size = Literal["smoke", "short", "full"]
T = TypeVar("T")
ROUNDS: Final[Mapping[Size, int]] = {"smoke": 1, "short": 5, "full": 7}


@dataclass(frozen=True)
class Row:
    """One case: its figure, the baseline's in the same run, their ratio, and the ratio that it may reach (None: only shown).

    `spread` is the half width of the middle half of the ratios, round by round.
    """

    case: str
    figure: float
    unit: str
    baseline: float
    ratio: float
    spread: float
    limit: float | None
    met: bool


def nanoseconds_a_call(call: Callable[[], object], calls: int, clock: Callable[[], int] = time.thread_time_ns) -> float:
    """Nanoseconds for one call, by this thread's own time unless another clock is given; the collector of garbage is off.

    Timed in ten pieces, of which the fastest counts: whatever else runs on the machine can only ever make one slower.
    """
    pieces = 10 if calls >= 1_000 else 1
    each = calls // pieces
    enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        return min(_piece(call, each, clock) for _ in range(pieces)) / each
    finally:
        if enabled:
            gc.enable()


def _piece(call: Callable[[], object], calls: int, clock: Callable[[], int]) -> int:
    start = clock()
    for _ in range(calls):
        call()
    return clock() - start


def interleaved(variants: Mapping[str, Callable[[], T]], rounds: int) -> dict[str, list[T]]:
    """Measure every variant once a round, so that a machine that changes its speed changes it for all of them."""
    seen: dict[str, list[T]] = {name: [] for name in variants}
    for variant in variants.values():
        variant()  # A warm-up that does not count.
    for _ in range(rounds):
        for name, variant in variants.items():
            seen[name].append(variant())
    return seen


def row(case: str, unit: str, figures: Sequence[float], baselines: Sequence[float], limit: float | None = None) -> Row:
    """The row of one case: medians of both, and the median of the ratios round by round. A lower ratio is better."""
    ratios = [figure / baseline for figure, baseline in zip(figures, baselines, strict=True) if baseline > 0]
    ratio = statistics.median(ratios)
    quarters = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else [ratio, ratio, ratio]
    spread = (quarters[2] - quarters[0]) / 2
    return Row(
        case,
        round(statistics.median(figures), 3),
        unit,
        round(statistics.median(baselines), 3),
        round(ratio, 3),
        round(spread, 3),
        limit,
        limit is None or ratio <= limit,
    )


def absolute(case: str, unit: str, figures: Sequence[float], most: float) -> Row:
    """The row of a figure that has a limit of its own, `most`: it stands where the baseline does."""
    return row(case, unit, figures, [most] * len(figures), 1.0)


def shown(case: str, unit: str, figure: float) -> Row:
    """The row of a figure that is only shown."""
    return Row(case, round(figure, 3), unit, 0.0, 0.0, 0.0, None, True)


def report(benchmark: str, rows: Sequence[Row]) -> dict[str, object]:
    """The one JSON object of a benchmark."""
    packages = ("opentelemetry-sdk", "opentelemetry-processor-baggage", "chdb", "duckdb", "wrapt")
    return {
        "benchmark": benchmark,
        "machine": {"cores": os.cpu_count(), "processor": platform.machine(), "system": platform.system()},
        "versions": {
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in packages},
        },
        "rows": [asdict(each) for each in rows],
        "met": all(each.met for each in rows),
    }
