"""What the programs run in other processes: each says by value what a span of its was stamped with there."""

from __future__ import annotations

import sys
from typing import Any

from opentelemetry import trace

Seen = tuple[str, "str | None"]
_prepared: list[Seen] = []


def seen(marker: str, *_: Any) -> Seen:
    """Make a span, and say what it was stamped with."""
    span: Any = trace.get_tracer("children").start_span(marker)
    span.end()
    assert "rvbbit.caller.source" in span.attributes, "this process is not instrumented"
    return marker, span.attributes.get("rvbbit.caller.id")


def send(marker: str, answers: Any) -> None:
    """The same, through a queue."""
    answers.put(seen(marker))


def prepare(marker: str) -> None:
    """An initializer."""
    _prepared.append(seen(marker))


def prepared(*_: Any) -> list[Seen]:
    """What the initializer of this process saw."""
    return list(_prepared)


def fails(*_: Any) -> None:
    raise ValueError


def work_off(items: Any, answers: Any) -> None:
    """A worker: takes markers until there is a None."""
    while (marker := items.get()) is not None:
        answers.put(seen(marker))


def work_off_connection(connection: Any) -> None:
    """The same on a connection."""
    while (marker := connection.recv()) is not None:
        connection.send(seen(marker))


def main() -> None:
    """As a program: of its arguments, and of each line that it reads."""
    for marker in sys.argv[1:] or (line.strip() for line in sys.stdin):
        print(*seen(marker), flush=True)


if __name__ == "__main__":
    main()
