"""A report on a time: its figures, and its forms for a terminal, Markdown, one HTML file, and a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from rvbbit_otel.reporting import words

if TYPE_CHECKING:
    from rvbbit_otel.storage.accounts import Line

NOBODY: Final = "(nobody)"
COLUMNS: Final = ("caller", "origin", "rows", "sessions", "calls", "tokens", "dollars", "errors")
# Callers that are shown to people; all are in JSON and CSV.
MOST_SHOWN: Final = 50
_BARS: Final = 12


@dataclass(frozen=True)
class Report:
    """The figures of a time range.

    period: the time in words. callers: most expensive first, nobody among them. sources, models: the same rows by how their caller is known,
    and calls by model. rules: each rule with whether it holds, None where there was nothing to hold.
    """

    period: str
    callers: Sequence[Line]
    sources: Sequence[Line]
    models: Sequence[Line]
    rules: Sequence[tuple[str, bool | None]]

    @property
    def summary(self) -> str:
        """The report in one line: callers, dollars, coverage, what nobody claims, rules."""
        attributed, rows = words.known(self.callers)
        nobody = next((line.sums for line in self.callers if not line.name), None)
        cost = sum((line.sums.cost for line in self.callers), Decimal(0))
        unpriced = sum(line.sums.calls_unpriced for line in self.callers)
        broken = [name for name, holds in self.rules if holds is False]
        parts = [
            words.plural(sum(bool(line.name) for line in self.callers), "caller"),
            words.dollars(cost, unpriced),
            f"coverage {words.coverage(attributed, rows)}",
            f"unattributed {words.plural(nobody.rows, 'row')}, {words.dollars(nobody.cost)}"
            if nobody
            else "unattributed 0 rows",
        ]
        if self.rules:
            parts.append(
                f"broken rules: {', '.join(broken)}" if broken else "every rule holds" if rows else "nothing to hold"
            )
        return "; ".join(parts)

    def table(self) -> list[tuple[str, ...]]:
        """A line for each caller, as people read it."""
        return [_shown(line) for line in self.callers[:MOST_SHOWN]]

    def as_json(self) -> dict[str, Any]:
        """Everything, for a program."""
        attributed, rows = words.known(self.callers)
        return {
            "period": self.period,
            "summary": self.summary,
            "rows": rows,
            "rows_attributed": attributed,
            "callers": [
                {"caller_id": line.name, "origin": line.about, **sums_json(line.sums)} for line in self.callers
            ],
            "sources": [{"source": line.name, **sums_json(line.sums)} for line in self.sources],
            "models": [{"model": line.name, "provider": line.about, **sums_json(line.sums)} for line in self.models],
            "rules": [{"rule": name, "holds": holds} for name, holds in self.rules],
        }

    def as_csv(self) -> str:
        """A line for each caller, exact, for a spreadsheet: a text that would be a formula there has an apostrophe before it."""
        text = io.StringIO()
        writer = csv.writer(text)
        names = list(sums_json(self.callers[0].sums)) if self.callers else []
        writer.writerow(["caller_id", "origin", *names])
        for line in self.callers:
            writer.writerow([_cell(line.name), _cell(line.about), *sums_json(line.sums).values()])
        return text.getvalue()

    def as_markdown(self) -> str:
        """Tables that any Markdown shows."""
        models = [
            (line.name or "(unnamed)", line.about, f"{line.sums.calls:,}", words.tokens(line.sums), _dollars(line))
            for line in self.models
        ]
        return "\n".join(
            [
                f"# Callers, {self.period}",
                "",
                f"{_marked(self.summary)}.",
                "",
                *_markdown(COLUMNS, self.table()),
                *self._left_out(),
                "",
                "## Models",
                "",
                *_markdown(("model", "provider", "calls", "tokens", "dollars"), models),
                "",
                "## How callers are known",
                "",
                *_markdown(
                    ("source", "rows", "dollars"),
                    [(line.name or "none", f"{line.sums.rows:,}", _dollars(line)) for line in self.sources],
                ),
                "",
                "## Rules",
                "",
                *_markdown(("rule", "verdict"), [(name, verdict(holds)) for name, holds in self.rules]),
                "",
            ]
        )

    def as_html(self) -> str:
        """One file that needs no other: no script, no font, no picture from elsewhere."""
        title = f"Callers, {escape(self.period)}"
        return template("report.html").replace("<!-- title -->", title).replace("<!-- body -->", self.as_html_part())

    def as_html_part(self) -> str:
        """The same without a page around it, for a notebook."""
        models = [
            (line.name or "(unnamed)", line.about, f"{line.sums.calls:,}", words.tokens(line.sums), _dollars(line))
            for line in self.models
        ]
        sources = [(line.name or "none", f"{line.sums.rows:,}", _dollars(line)) for line in self.sources]
        return "".join(
            [
                f"<h1>Callers, {escape(self.period)}</h1><p>{escape(self.summary)}.</p>",
                _bars(self.callers),
                as_table(COLUMNS, self.table()),
                *(f"<p>{escape(text)}</p>" for text in self._left_out() if text),
                "<h2>Models</h2>",
                as_table(("model", "provider", "calls", "tokens", "dollars"), models),
                "<h2>How callers are known</h2>",
                as_table(("source", "rows", "dollars"), sources),
                "<h2>Rules</h2>",
                as_table(("rule", "verdict"), [(name, verdict(holds)) for name, holds in self.rules]),
            ]
        )

    def _left_out(self) -> list[str]:
        left = len(self.callers) - MOST_SHOWN
        return ["", f"{words.plural(left, 'more caller')}: they are in the JSON and CSV forms."] if left > 0 else []


def sums_json(sums: Any) -> dict[str, Any]:
    """Sums for a program: dollars as exact decimal text, times in ISO 8601."""
    return {
        name: value if isinstance(value := getattr(sums, name), int) else _exact(value)
        for name in sums.__dataclass_fields__
    }


def verdict(holds: bool | None) -> str:
    """Return a rule's verdict in words."""
    return {True: "holds", False: "BROKEN", None: "no rows"}[holds]


def template(name: str) -> str:
    """The text of a file of this package."""
    return (files(__package__) / name).read_text(encoding="utf-8")


def _shown(line: Line) -> tuple[str, ...]:
    sums = line.sums
    counts = (
        f"{sums.rows:,}",
        f"{sums.sessions:,}",
        f"{sums.calls:,}",
        words.tokens(sums),
        _dollars(line),
        f"{sums.errors:,}",
    )
    return (line.name or NOBODY, line.about, *counts)


def _dollars(line: Line) -> str:
    return words.dollars(line.sums.cost, line.sums.calls_unpriced)


def _exact(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else f"{value:f}"


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _marked(text: str) -> str:
    shown = "".join(letter if letter.isprintable() else "?" for letter in text)
    return "".join(f"\\{letter}" if letter in "\\`*_[]<>|#" else letter for letter in shown)


def _markdown(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    if not rows:
        return ["none"]
    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    return lines + [f"| {' | '.join(_marked(value) for value in row)} |" for row in rows]


def as_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in HTML; no value is markup."""
    if not rows:
        return "<p>none</p>"
    head = "".join(f"<th scope=col>{escape(name)}</th>" for name in columns)
    lines = ("".join(f"<td><bdi>{escape(value)}</bdi></td>" for value in row) for row in rows)
    return (
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(f'<tr>{line}</tr>' for line in lines)}</tbody></table>"
    )


def _bars(callers: Sequence[Line]) -> str:
    shown = [line for line in callers[:_BARS] if line.sums.cost > 0]
    if not shown:
        return ""
    most = max(line.sums.cost for line in shown)
    bars = []
    for number, line in enumerate(shown):
        top, width = number * 24, max(1.0, float(line.sums.cost / most) * 420)
        name = escape(line.name or NOBODY)[:60]
        bars.append(
            f"<text x=250 y={top + 16} text-anchor=end>{name}</text><rect x=260 y={top + 4} width={width:.0f} height=16 />"
            f"<text x={268 + width:.0f} y={top + 16}>{escape(_dollars(line))}</text>"
        )
    return f"<svg viewBox='0 0 800 {len(shown) * 24}' role=img aria-label='Dollars by caller'>{''.join(bars)}</svg>"
