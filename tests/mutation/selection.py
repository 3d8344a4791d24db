"""What is mutated, and which tests have a say."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
SOURCE: Final = Path("src/rvbbit_otel")
# The rule of who owns what: docs/adr/0039, docs/adr/0001.
MODULES: Final = {
    "work": SOURCE / "attribution/work.py",
    "stamping": SOURCE / "attribution/stamping.py",
    "propagation": SOURCE / "attribution/propagation.py",
    "scope": SOURCE / "attribution/scope.py",
    "decorating": SOURCE / "attribution/decorating.py",
    "driven": SOURCE / "attribution/driven_generators.py",
    "registry": SOURCE / "attribution/registry.py",
    "taking": SOURCE / "instrumentation/carry/taking.py",
    "waiting": SOURCE / "instrumentation/carry/waiting.py",
    "inherited": SOURCE / "instrumentation/carry/inherited.py",
    "meetings": SOURCE / "instrumentation/carry/meetings.py",
    "futures": SOURCE / "instrumentation/carry/futures.py",
    "wakeups": SOURCE / "instrumentation/carry/wakeups.py",
    "bells": SOURCE / "instrumentation/carry/bells.py",
    "owners": SOURCE / "instrumentation/carry/owners.py",
    "loops": SOURCE / "instrumentation/carry/loops.py",
}
# Those that start a process for each program take a second each: `robust` comes last, as the model does, `processes` is left out.
_LEFT_OUT: Final = "tests/contract/test_processes.py"
SLOW: Final = ("tests/contract/test_robust.py", "tests/model/test_model.py")
_UNIT: Final = (
    "tests/unit/core/test_stamping.py",
    "tests/unit/core/test_baggage.py",
    "tests/unit/core/test_destinations.py",
    "tests/unit/core/test_late_stamps.py",
    "tests/unit/core/test_runs.py",
    "tests/unit/core/test_which_run.py",
    "tests/unit/core/test_registry.py",
    "tests/unit/core/test_propagation.py",
    "tests/unit/core/test_scope.py",
    "tests/unit/core/test_work.py",
    "tests/unit/instrumentation/test_loops.py",
    "tests/unit/instrumentation/test_which_loop.py",
    "tests/unit/instrumentation/test_taking.py",
    "tests/unit/instrumentation/test_workers.py",
    "tests/unit/instrumentation/test_sessions.py",
)
_NEAREST: Final = {
    "stamping": "tests/unit/core/test_stamping.py",
    "propagation": "tests/unit/core/test_propagation.py",
    "registry": "tests/unit/core/test_runs.py",
    "scope": "tests/contract/test_decorators.py",
    "decorating": "tests/contract/test_decorators.py",
    "driven": "tests/contract/test_decorators.py",
    "work": "tests/contract/test_generators.py",
    "taking": "tests/contract/test_queues.py",
    "waiting": "tests/contract/test_taking.py",
    "inherited": "tests/contract/test_taking.py",
    "meetings": "tests/contract/test_waits.py",
    "futures": "tests/contract/test_others_futures.py",
    "wakeups": "tests/contract/test_others_futures.py",
    "bells": "tests/contract/test_bells.py",
    "owners": "tests/contract/test_queues.py",
    "loops": "tests/unit/instrumentation/test_loops.py",
}


@lru_cache  # What a run began with, whatever is written meanwhile.
def files_for(module: str) -> tuple[str, ...]:
    """The files of tests for the mutants of a module, the nearest first, the slowest last."""
    contract = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "tests/contract").glob("test_*.py"))
    nearest = _NEAREST[module]
    wide = [path for path in (*_UNIT, *contract) if path not in (nearest, _LEFT_OUT, *SLOW)]
    return (nearest, *wide, *SLOW)
