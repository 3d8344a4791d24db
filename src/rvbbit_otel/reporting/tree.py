"""A caller's rows as one tree over all its sessions and traces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

_Row = Mapping[str, Any]


@dataclass(frozen=True)
class Node:
    """One line of the tree.

    depth: 0 for a session that no other one of the caller started. label: the session's id, or the row's name. at_ms: milliseconds after the
    first row of the tree. duration_ms: of the row; of a session from its first row to the end of its last. cost: in US dollars, of a session with
    all below it. source: how the row's caller is known; empty for a session. failed: the error, or empty.
    """

    depth: int
    kind: str
    label: str
    at_ms: float
    duration_ms: float
    cost: Decimal
    source: str
    failed: str = ""


def tree_of(rows: Sequence[_Row]) -> list[Node]:
    """The tree, as lines in the order in which they are read: sessions by their start, rows under the row that started them."""
    if not rows:
        return []
    begin: datetime = min(row["timestamp"] for row in rows)
    sessions: dict[str, list[_Row]] = {}
    for row in rows:
        sessions.setdefault(row["session_id"], []).append(row)
    parents = {
        name: next((row["parent_session_id"] for row in own if row["parent_session_id"]), "")
        for name, own in sessions.items()
    }
    below: dict[str, list[str]] = {}
    for name in sessions:
        parent = parents[name]
        below.setdefault(parent if parent in sessions and parent != name else "", []).append(name)
    lines: list[Node] = []
    seen: set[str] = set()
    todo = [(name, 0) for name in reversed(below.get("", []))]
    while todo:
        name, depth = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        lines.append(_session(name, depth, sessions[name], begin))
        lines.extend(_rows(sessions[name], depth + 1, begin))
        todo.extend((child, depth + 1) for child in reversed(below.get(name, [])))
    # Sessions that name each other as parents hang under none.
    for name in sessions.keys() - seen:
        lines.append(_session(name, 0, sessions[name], begin))
        lines.extend(_rows(sessions[name], 1, begin))
    return lines


def _session(name: str, depth: int, rows: Sequence[_Row], begin: datetime) -> Node:
    starts = [_after(row, begin) for row in rows]
    ends = [_after(row, begin) + float(row["duration_ms"]) for row in rows]
    cost = sum((row["cost"] for row in rows), Decimal(0))
    failed = next((row["error"] for row in rows if row["error"]), "")
    return Node(depth, "session", name or "(no session)", min(starts), max(ends) - min(starts), cost, "", failed)


def _rows(rows: Sequence[_Row], depth: int, begin: datetime) -> Iterator[Node]:
    here = {(row["trace_id"], row["span_id"]) for row in rows}
    children: dict[tuple[str, str], list[_Row]] = {}
    roots: list[_Row] = []
    for row in rows:
        parent = (row["trace_id"], row["parent_id"])
        if parent in here and row["parent_id"] != row["span_id"]:
            children.setdefault(parent, []).append(row)
        else:
            roots.append(row)
    todo = [(row, depth) for row in reversed(roots)]
    while todo:
        row, level = todo.pop()
        yield Node(
            level,
            row["kind"],
            row["cell_name"] or row["name"],
            _after(row, begin),
            float(row["duration_ms"]),
            row["cost"],
            row["caller_source"] or "none",
            row["error"],
        )
        todo.extend((child, level + 1) for child in reversed(children.get((row["trace_id"], row["span_id"]), [])))


def _after(row: _Row, begin: datetime) -> float:
    return float((row["timestamp"] - begin).total_seconds() * 1000)
