"""A runner of what `tests.contract.toyrunner` has not: blocks, answers that come late, clients that say what they used as they go."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any


class Steering(Exception):
    """By which it steers, and does not fail."""


class Rooms:
    """Context managers, each of which is one call."""

    @contextlib.contextmanager
    def room(self, name: str) -> Iterator[str]:
        yield name.upper()

    @contextlib.asynccontextmanager
    async def aroom(self, name: str) -> AsyncIterator[str]:
        yield name.upper()


class Tools:
    def find(self, name: str) -> Callable[[int], int] | None:
        return {"double": lambda number: number * 2}.get(name)

    def call(self, name: str, function: Callable[[], Any]) -> Any:
        return function()


class Handed:
    """Is handed its caller."""

    def __init__(self, session_id: str, caller_id: Any = None, metadata: Any = None, parent: Any = None) -> None:
        self.session_id = session_id


def look_around(connection_id: Any = None) -> Any:
    return f"of {connection_id}"


def ask(model: str, parts: int) -> Iterator[dict[str, Any]]:
    """What it used comes with the last part."""
    for number in range(parts):
        yield {"part": number, "used": number + 1 if number == parts - 1 else None}


async def ask_async(model: str) -> dict[str, Any]:
    return {"used": 3, "answer": model}


def note(text: str, request_id: Any = None, tokens: Any = None, content: Any = None, session_id: Any = None) -> str:
    return text


def asked_and_noted(text: str) -> dict[str, int]:
    """A log call whose answer says what was used."""
    return {"tokens": len(text)}


def price(request_id: str, cost: float) -> dict[str, Any]:
    return {"cost": cost}


def end(session_id: str, status: str) -> str:
    return status


rooms, tools = Rooms(), Tools()
