from __future__ import annotations

from collections import Counter

import pytest
from tests.contract.programs import VERDICTS

_COLUMNS = ("right", "none", "lost", "wrong", "missing", "broken")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How the spans of the programs were stamped, by kind of program: lost ones could be known, wrong ones are another's."""
    if not VERDICTS:
        return
    kinds: dict[str, Counter[str]] = {}
    for verdict in VERDICTS:
        for kind in (verdict.kind, "all"):
            kinds.setdefault(kind, Counter()).update(verdict.counts)
            kinds[kind]["programs"] += 1
            kinds[kind]["failed"] += bool(verdict.complaints)
    columns = ("programs", "failed", *_COLUMNS)
    terminalreporter.section("programs by kind, spans by what they were stamped with")
    terminalreporter.write_line("".join(["kind".ljust(24), *(column.rjust(10) for column in columns)]))
    for kind in sorted(kinds, key=lambda kind: (kind == "all", kind)):
        counts = (str(kinds[kind][column]).rjust(10) for column in columns)
        terminalreporter.write_line("".join([kind.ljust(24), *counts]))
