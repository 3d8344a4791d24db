"""A runner as small as can be, which knows nothing of OpenTelemetry. `toy.toml` is its spec.

What is called `owner`, and the texts of rows, say whose the work truly is; no hook reads a caller from them.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterator
from typing import Any


class Stream:
    """What the clients of models return: an iterator that is a context manager too."""

    def __init__(self, parts: Iterator[Any]) -> None:
        self.parts = parts

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> Any:
        return next(self.parts)

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.parts.close()  # type: ignore[attr-defined]


class AsyncStream:
    """The same for asyncio."""

    def __init__(self, parts: AsyncGenerator[Any, None]) -> None:
        self.parts = parts

    def __aiter__(self) -> AsyncStream:
        return self

    async def __anext__(self) -> Any:
        return await self.parts.__anext__()

    async def aclose(self) -> None:
        await self.parts.aclose()


class Toy:
    """What the runner's users call."""

    def __init__(self) -> None:
        self.last_user: str | None = None
        self.known_here = threading.local()

    def login(self, user: str | None, connection: str | None = None) -> None:
        """Work of this flow is this user's from here on."""
        self.last_user = user

    def logout(self, connection: str | None = None) -> None:
        """... and no more."""

    def handle(self, user: str | None, function: Callable[[], Any]) -> Any:
        """The whole of one user's request."""
        return function()

    def whose(self) -> str | None:
        """Whose the work is, as far as the runner knows: who it is on this thread, else whoever logged in last, which is a guess."""
        return getattr(self.known_here, "user", self.last_user)

    def hand_over(self, job: str, user: str | None = None, session_id: str | None = None) -> str | None:
        """A job starts; the user it starts for is what the runner writes into its own tables."""
        return user

    def open_session(
        self,
        session_id: str,
        parent: str | None = None,
        user: str | None = None,
        owner: str | None = None,
        facts: dict[str, Any] | None = None,
    ) -> None:
        """A session is looked up or made."""

    def set_status(self, session_id: str, status: str) -> None:
        """How a session is doing."""

    def beat(self, session_id: str) -> None:
        """A session lives."""

    def close_session(self, session_id: str) -> None:
        """A session is over."""

    def note(self, text: str, session_id: str | None = None) -> None:
        """One row."""

    def use_tool(self, name: str, function: Callable[[], Any] = lambda: None) -> Any:
        """A call of a tool."""
        return function()

    def step(self, name: str, function: Callable[[], Any]) -> Any:
        """A step of a run."""
        return function()

    def complete(self, prompt: str) -> dict[str, int]:
        """A call to a model."""
        return {"in": 10, "out": 5}

    def complete_by_parts(self, prompt: str, parts: Callable[[], Iterator[Any]]) -> Generator[Any, None, None]:
        """A call to a model that streams: a generator function."""
        yield from parts()

    def complete_to_iterator(self, prompt: str, parts: Callable[[], Iterator[Any]]) -> Iterator[Any]:
        """A call to a model that streams: a plain function that returns an iterator."""
        return parts()

    def complete_to_stream(self, prompt: str, parts: Callable[[], Iterator[Any]]) -> Stream:
        """A call to a model that streams: a plain function that returns an object."""
        return Stream(parts())

    def loop(self, function: Callable[[], Any]) -> Any:
        """A loop that lives on, and works for nobody who happened to start it."""
        return function()


toy = Toy()


class Later:
    """An executor of the runner's own: what it is given runs when somebody says so."""

    def __init__(self) -> None:
        self.jobs: list[Callable[[], Any]] = []

    def put(self, function: Callable[[], Any]) -> None:
        self.jobs.append(function)

    def run(self) -> None:
        while self.jobs:
            self.jobs.pop(0)()


class Work:
    """One run: `session_id` is its session."""

    def __init__(self, session_id: str, parent: str | None = None, owner: str | None = None) -> None:
        self.session_id, self.parent, self.owner = session_id, parent, owner

    def run(self, function: Callable[..., Any], *args: Any) -> Any:
        return function(*args)

    def run_for(self, user: str | None, function: Callable[..., Any], *args: Any) -> Any:
        """The same, where the runner names the caller."""
        return function(*args)

    async def arun(self, function: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        return await function(*args)

    def stream(self, function: Callable[[], Iterator[Any]]) -> Generator[Any, Any, None]:
        yield from function()

    async def astream(self, function: Callable[[], AsyncGenerator[Any, None]]) -> AsyncIterator[Any]:
        inner = function()
        try:
            async for item in inner:
                yield item
        finally:
            await inner.aclose()

    def generator(self, function: Callable[[], Iterator[Any]]) -> Iterator[Any]:
        """A plain function that returns a generator."""
        return function()

    def opened(self, function: Callable[[], Iterator[Any]]) -> Stream:
        """A plain function that returns a stream object."""
        return Stream(function())

    def aopened(self, function: Callable[[], AsyncGenerator[Any, None]]) -> AsyncStream:
        """The same for asyncio."""
        return AsyncStream(function())
