"""The shape of a SQL text: which question was asked, without what it was asked about.

Comments go, literals become ``?``. Where a text could be read in two ways, as with a backslash before a quote, or a quote that is never closed,
whatever follows could be inside a literal by the other reading: it is left out.
"""

from __future__ import annotations

import re
from typing import Final

# Only so much of a text is looked at: it is cut to a few thousand characters afterwards.
_MOST_READ: Final = 65_536
# What begins something that is not copied as it is. A `$` that opens no dollar quote is a parameter, as in $1. Digits count where no word goes on.
_SPECIAL: Final = re.compile(
    r"""(?P<comment>--|\#(?![>-]))|(?P<block>/\*)|(?P<dollar>\$(?:[^\W\d]\w{0,63})?\$)|(?P<quote>'|"|`)|(?P<number>(?<![\w$])\.?\d[\w.]*)"""
)
_NAME: Final = re.compile(r"[^\W\d]\w{0,62}")


def shape(text: str) -> tuple[str, int]:
    """The text without comments and literals, and how many of its last characters were left out unread."""
    read = text[:_MOST_READ]
    out: list[str] = []
    at = 0
    while (found := _SPECIAL.search(read, at)) is not None:
        out.append(read[at : found.start()])
        end = _end(read, found)
        if end is None:
            return "".join(out), len(text) - found.start()
        if found["quote"] not in (None, "'") and _NAME.fullmatch(inner := read[found.end() : end - 1]):
            out.append(found[0] + inner + found[0])
        elif found["comment"] is None and found["block"] is None:
            out.append("?")
        at = end
    # A word that the limit cuts may go on; nothing else is read in part.
    out.append(read[at:])
    return "".join(out), len(text) - len(read)


def _end(text: str, found: re.Match[str]) -> int | None:
    """Return the end of the token that begins here; None where that can't be told."""
    start = found.end()
    if found["number"] is not None:
        return start
    if found["comment"] is not None:
        end = text.find("\n", start)
        return len(text) if end < 0 else end
    if found["block"] is not None:
        end = text.find("*/", start)
        # Postgres nests comments, others do not.
        return None if end < 0 or text.find("/*", start, end) >= 0 else end + 2
    if found["dollar"] is not None:
        end = text.find(found[0], start)
        return None if end < 0 else end + len(found[0])
    return _closed(text, start, found[0])


def _closed(text: str, start: int, quote: str) -> int | None:
    at = start
    while (end := text.find(quote, at)) >= 0:
        before = end
        while before > at and text[before - 1] == "\\":
            before -= 1
        if (end - before) % 2:
            return None  # An escape to MySQL and ClickHouse, the string's end to standard SQL.
        if not text.startswith(quote, end + 1):
            return end + 1
        at = end + 2
    return None
