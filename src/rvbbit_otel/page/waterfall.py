"""One waterfall over rows of any number of sessions and traces: each session a block, its rows nested by their parents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from markupsafe import Markup

from rvbbit_otel.page.asking import Row

_DEEPEST: Final = 12


@dataclass
class Line:
    """One row, how deep it lies, and its bar; `begins_ms` counts from the begin of all that is shown."""

    row: Row
    depth: int
    begins_ms: float
    took_ms: float
    bar: Markup


@dataclass
class Block:
    """A session's rows; `depth` counts the sessions that it lies in."""

    session_id: str
    depth: int
    begins_ms: float
    took_ms: float
    bar: Markup
    cost: Any = 0
    tokens: int = 0
    lines: list[Line] = field(default_factory=list)


@dataclass(frozen=True)
class Waterfall:
    """All blocks, and how long all of it took."""

    blocks: list[Block]
    took_ms: float


def waterfall(rows: Sequence[Row]) -> Waterfall:
    """Lay rows out, which come in the order of their begin."""
    if not rows:
        return Waterfall([], 0.0)
    begin = min(row["begins"] for row in rows)
    span = max(max(row["begins"] + row["took"] for row in rows) - begin, 1)
    of_session: dict[str, list[Row]] = {}
    for row in rows:
        of_session.setdefault(row["session_id"], []).append(row)
    blocks = []
    for session, depth in _ordered(of_session):
        mine = of_session[session]
        first, last = mine[0]["begins"], max(row["begins"] + row["took"] for row in mine)
        blocks.append(
            Block(
                session,
                depth,
                (first - begin) / 1e6,
                (last - first) / 1e6,
                _bar(first - begin, last - first, span, "session"),
                sum(row["cost"] for row in mine),
                sum(row["tokens"] for row in mine),
                [
                    Line(
                        row,
                        deep,
                        (row["begins"] - begin) / 1e6,
                        row["took"] / 1e6,
                        _bar(
                            row["begins"] - begin, row["took"], span, "failed" if row["error"] else f"k-{row['kind']}"
                        ),
                    )
                    for row, deep in _nested(mine)
                ],
            )
        )
    return Waterfall(blocks, span / 1e6)


def tree(sessions: Sequence[Row]) -> list[tuple[Row, int]]:
    """Sessions with how deep each lies, a child below its parent."""
    by_id = {row["session_id"]: row for row in sessions}
    children: dict[str, list[Row]] = {}
    for row in sessions:
        parent = row["parent_session_id"]
        children.setdefault(parent if parent in by_id and parent != row["session_id"] else "", []).append(row)
    return _walked(children, "", lambda row: row["session_id"], sessions)


def _ordered(of_session: dict[str, list[Row]]) -> list[tuple[str, int]]:
    heads = [
        {
            "session_id": session,
            "parent_session_id": next((row["parent_session_id"] for row in rows if row["parent_session_id"]), ""),
        }
        for session, rows in of_session.items()
    ]
    return [(row["session_id"], depth) for row, depth in tree(heads)]


def _nested(rows: Sequence[Row]) -> list[tuple[Row, int]]:
    by_id = {row["span_id"] for row in rows}
    children: dict[str, list[Row]] = {}
    for row in rows:
        parent = row["parent_id"]
        children.setdefault(parent if parent in by_id and parent != row["span_id"] else "", []).append(row)
    return _walked(children, "", lambda row: row["span_id"], rows)


def _walked(children: dict[str, list[Row]], root: str, name: Any, everything: Sequence[Row]) -> list[tuple[Row, int]]:
    """Depth first, without recursion: what a sender says of parents may be any graph."""
    found: list[tuple[Row, int]] = []
    seen: set[int] = set()
    left = [(row, 0) for row in reversed(children.get(root, []))]
    while left:
        row, depth = left.pop()
        if id(row) in seen:
            continue
        seen.add(id(row))
        found.append((row, min(depth, _DEEPEST)))
        left += [(child, depth + 1) for child in reversed(children.get(name(row), []))]
    # Parents in a circle are reached from no root.
    return found + [(row, 0) for row in everything if id(row) not in seen]


def _bar(begin: int, took: int, span: int, kind: str) -> Markup:
    left = min(begin / span * 1000, 996.0)
    wide = max(min(took / span * 1000, 1000 - left), 4.0)
    name = kind if kind.replace("-", "").isalnum() and kind.isascii() else "k-other"
    return Markup(  # the name of a class and numbers alone
        '<svg class="span" viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true" focusable="false">'
        f'<rect class="{name}" x="{left:.1f}" width="{wide:.1f}" height="10" rx="1"/></svg>'
    )
