"""A CSV that anybody can make of any bill: `day, model`, and what is known of `calls, tokens_in, tokens_out, cost, key, project`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from rvbbit_otel.errors import ConfigurationError
from rvbbit_otel.storage.usage_exports.entry import Entry, Figures, Part, Span, count, dollars, midnight, moment, text

NEEDED: Final = frozenset({"day", "model"})
_TOLD: Final = frozenset({"calls", "tokens_in", "tokens_out", "cost"})
_MORE: Final = frozenset({"key", "project"})
_DAY: Final = timedelta(days=1)


def read_csv(lines: Sequence[tuple[str, Mapping[str, str]]], header: frozenset[str], where: str) -> Part:
    """Its lines, each with its place in the file; raises ConfigurationError."""
    if unknown := sorted(header - NEEDED - _TOLD - _MORE):
        raise ConfigurationError(
            f"{where}, line 1: {unknown[0]!r} is none of {', '.join(sorted(NEEDED | _TOLD | _MORE))}"
        )
    tells = header & _TOLD
    if not tells:
        raise ConfigurationError(
            f"{where}, line 1: there is none of {', '.join(sorted(_TOLD))}, so that nothing can be compared"
        )
    found = []
    for place, line in lines:
        day = moment(line["day"], f"{place}, day")
        if day != midnight(day.date()):
            raise ConfigurationError(f"{place}, day is {line['day']!r}: it has to be a day of UTC, as 2026-11-01")
        figures = Figures(
            count(line.get("calls"), f"{place}, calls"),
            count(line.get("tokens_in"), f"{place}, tokens_in"),
            count(line.get("tokens_out"), f"{place}, tokens_out"),
            dollars(line.get("cost"), f"{place}, cost"),
        )
        model, key, project = text(line, "model"), text(line, "key"), text(line, "project")
        found.append(Entry("generic", day, day + _DAY, figures, place, model=model, key=key, project=project))
    begins = [entry.begin for entry in found]
    return Part("generic", (Span("generic", min(begins), max(begins) + _DAY, tells, where),), tuple(found))
