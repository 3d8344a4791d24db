"""Searches random programs for a row that the contract does not allow, and shrinks what it finds."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import HealthCheck, Phase, given, seed, settings
from tests.model.check import Tally, WrongError, check
from tests.model.generate import programs
from tests.model.programs import Program
from tests.model.world import Stage

SHRINKS = 500  # programs that are tried to find a smaller one


class EnoughError(KeyboardInterrupt):
    """Ends hypothesis's own search at once, as nothing less does."""


def search(stage: Stage, number: int, examples: int, tally: Tally, processes: bool = False) -> str | None:
    """Run as many programs of this seed; return the smallest that is wrong, None if none is."""

    wrong: dict[Program, WrongError] = {}
    tries = 0

    @seed(number)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
        report_multiple_bugs=False,
    )
    @given(programs(processes))
    def one(program: Program) -> None:
        nonlocal tries
        tries += bool(wrong)
        if program in wrong:
            raise wrong[program]
        if tries > SHRINKS:
            raise EnoughError
        try:
            check(stage, program, tally)
        except WrongError as error:
            wrong[program] = error
            raise

    with suppress(WrongError, EnoughError):
        one()
    return min(map(str, wrong.values()), key=len, default=None)
