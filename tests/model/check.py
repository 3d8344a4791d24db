"""Compares what was exported with what the contract allows, row by row."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tests.model.programs import Expected, Program, Written
from tests.model.walk import Walk
from tests.model.world import Row, Stage


@dataclass
class Tally:
    """What was seen over many schedules."""

    schedules: int = 0
    spans: int = 0
    right: int = 0
    nobodys: int = 0  # of nobody, and stamped so
    none: Counter[str] = field(default_factory=Counter)  # whose caller could not be known, by the reason


class WrongError(AssertionError):
    pass


class BrokenError(Exception):
    """The program did not run to its end, which is no matter of attribution."""


def check(stage: Stage, program: Program, tally: Tally | None = None) -> None:
    """Run a program; raise WrongError, which prints it, for any row that the contract does not allow."""
    written = Walk(program).write()
    try:
        rows = stage.run(written.source, program.limits, program.evicts)
    except Exception as failure:
        raise BrokenError(f"{failure!r}\n\n{listing(written)}") from failure
    wrong = [
        f"{number}: {fault}: {rows.get(number)}, expected {expected} {sorted(expected.sources)}"
        for number, expected in written.expected.items()
        if (fault := _fault(expected, rows.get(number)))
    ]
    if len(rows) > len(written.expected):
        wrong.append("rows that the program has not")
    if errors := stage.errors():
        wrong.append(f"counted {errors}")
    if wrong:
        raise WrongError("\n".join((*wrong, "", listing(written))))
    if tally is not None:
        tally.schedules += 1
        for number, expected in written.expected.items():
            tally.spans += 1
            if rows[number].caller is not None:
                tally.right += 1
            elif expected.allowed == {None}:
                tally.nobodys += 1
            else:
                tally.none[expected.reason] += 1


def _fault(expected: Expected, row: Row | None) -> str:
    if row is None:
        return "missing"
    if row.caller not in expected.allowed:
        return "lost" if row.caller is None else "another's"
    if expected.sources and row.caller is not None and row.source not in expected.sources and row.source is not None:
        return "source"
    return ""


def listing(written: Written) -> str:
    """The program as a file that runs."""
    program: Program = written.program
    names = {number: set(expected.allowed) for number, expected in written.expected.items()}
    return (
        f'from tests.model.world import play\n\nSOURCE = """\n{written.source}"""\n'
        f"play(SOURCE, {names}, {program.limits!r}, {program.evicts})\n"
    )
