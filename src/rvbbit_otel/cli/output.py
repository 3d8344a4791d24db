"""The one place that prints: tables for people, JSON for programs, and never a control character of somebody else's."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

# C0 and C1 controls, and the marks that turn the direction of text around: in a span's name they could rewrite a terminal.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")

# Characters in a line of a table that nothing cuts.
_WHOLE: Final = 10_000


def safe(value: object) -> str:
    """The value as text for a terminal: controls are shown as escapes."""
    text = "" if value is None else value.isoformat(" ") if isinstance(value, datetime) else str(value)
    return _UNSAFE.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def print_json(value: object) -> None:
    """One JSON value on standard output, ASCII only, so that any terminal or log takes it."""
    json.dump(value, sys.stdout, default=_plain, allow_nan=False)
    sys.stdout.write("\n")


def records(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> list[dict[str, object]]:
    """Rows as JSON objects."""
    return [dict(zip(columns, row, strict=True)) for row in rows]


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]], title: str | None = None) -> None:
    """A table on standard output."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for index, name in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[index], int | float) for row in rows)
        table.add_column(safe(name), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(safe(value)) for value in row))
    # A terminal has a width; a file or a pipe takes names whole, so that they can be searched for.
    fixed = sys.stdout.isatty() or "COLUMNS" in os.environ
    Console(highlight=False, width=None if fixed else _WHOLE).print(table)


def say(text: str = "") -> None:
    """A line on standard output."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def tell(text: str) -> None:
    """A line on standard error: progress and remarks, which no program reads."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


@dataclass(frozen=True)
class Paint:
    """Marks text for a terminal; writes it as it is where nobody wants colours."""

    on: bool

    def strong(self, text: str) -> str:
        """Return the text in bold, for what a reader looks for first."""
        return f"\x1b[1m{text}\x1b[0m" if self.on else text

    def bad(self, text: str) -> str:
        """Return the text in red, for what is wrong."""
        return f"\x1b[31m{text}\x1b[0m" if self.on else text


def colours() -> Paint:
    """Colours for standard output: on in a terminal, off in a pipe, a file, with NO_COLOR or in a dumb terminal."""
    wanted = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return Paint(wanted and sys.stdout.isatty())


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime | date) else str(value)
