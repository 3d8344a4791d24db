"""Searches random programs for a row that the contract does not allow, and shrinks what it finds."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import HealthCheck, Phase, given, seed, settings
from tests.model.check import Tally, WrongError, check
from tests.model.generate import programs
from tests.model.programs import Program
from tests.model.shrink import shrunk
from tests.model.world import Stage

SHRINKS = 2_000  # programs that are tried to find a smaller one


class EnoughError(KeyboardInterrupt):
    """Ends hypothesis's own search at once, as nothing less does."""


def search(stage: Stage, number: int, examples: int, tally: Tally, processes: bool = False) -> str | None:
    """Run as many programs of this seed; return the first that is wrong, made small, None if none is."""
    found: list[tuple[Program, WrongError]] = []

    @seed(number)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @given(programs(processes))
    def one(program: Program) -> None:
        try:
            check(stage, program, tally)
        except WrongError as error:
            found.append((program, error))
            raise EnoughError from None

    with suppress(EnoughError):
        one()
    if not found:
        return None
    ((program, error),) = found

    def is_wrong(smaller: Program) -> bool:
        nonlocal error
        try:
            check(stage, smaller)
        except WrongError as still:
            error = still
            return True
        except Exception:
            return False  # It does not run to its end, which says nothing.
        return False

    shrunk(program, is_wrong, SHRINKS // 10 if processes else SHRINKS)
    return str(error)
