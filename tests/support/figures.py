"""The figures of docs/reliability.md: which tests show which, and what each has seen, told when `make harden` has ended."""

from __future__ import annotations

import pytest
from tests.support.sizes import SEED, SIZE

FIGURE = "figure"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        numbers = sorted({number for mark in item.iter_markers(FIGURE) for number in mark.args})
        item.user_properties += [(FIGURE, number) for number in numbers]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The seed; and by figure a line a test: how it ended, its seconds, and what it has recorded by `record_property`."""
    if SIZE or terminalreporter.getreports("failed"):
        terminalreporter.write_line(f"HARDEN_SEED={SEED} for the same random cases again")
    if not SIZE:
        return
    lines = []
    for outcome in ("passed", "failed", "error"):
        for report in terminalreporter.getreports(outcome):
            # What could not be collected has none.
            figures = [int(value) for name, value in getattr(report, "user_properties", ()) if name == FIGURE]
            if not figures or (report.when != "call" and outcome == "passed"):
                continue
            seen = ", ".join(f"{name} {value}" for name, value in report.user_properties if name != FIGURE)
            told = f"{', '.join(map(str, figures)):<8}{outcome} in {report.duration:5.1f} s  {report.nodeid}  {seen}"
            lines.append((figures, told))
    terminalreporter.section(f"figures, {SIZE} size")
    for _, told in sorted(lines):
        terminalreporter.write_line(told)
