"""A runner of a few lines, which knows nothing of telemetry; SPEC says what its callables mean."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from rvbbit_otel.instrumentation import Hook, Role, RunnerSpec

MODULE = "tests.model.runner"


def login(user: str, connection: str | None = None) -> None:
    """Work of this flow is this user's from here on."""


def logout(connection: str | None = None) -> None:
    """... and no more."""


def open_session(session: str, user: str | None = None) -> None:
    """A session is looked up, or made."""


def close_session(session: str) -> None:
    """A session is over."""


def handle(user: str, body: Callable[[], Any]) -> Any:
    """The whole of one user's request."""
    return body()


class Work:
    """One run of a session."""

    def __init__(self, session: str, user: str | None = None, parent: str | None = None) -> None:
        self.session, self.user, self.parent = session, user, parent

    def run(self, body: Callable[[], Any]) -> Any:
        return body()

    async def arun(self, body: Callable[[], Any]) -> Any:
        return await body()

    def stream(self, body: Callable[[], Iterator[Any]]) -> Iterator[Any]:
        yield from body()

    async def astream(self, body: Callable[[], AsyncIterator[Any]]) -> AsyncIterator[Any]:
        async for item in body():
            yield item


_CASCADE = {
    "session_id": "self.session",
    "caller_id": "self.user",
    "parent_session_id": "self.parent",
    "cascade_id": "literal:work",
}
SPEC = RunnerSpec(
    name="model",
    module="tests",
    hooks=(
        Hook(Role.CALLER_SET, f"{MODULE}:login", {"caller_id": "user", "connection_id": "connection"}),
        Hook(Role.CALLER_CLEARED, f"{MODULE}:logout", {"connection_id": "connection"}),
        Hook(Role.CALLER, f"{MODULE}:handle", {"caller_id": "user"}),
        Hook(Role.SESSION_OPENED, f"{MODULE}:open_session", {"session_id": "session", "caller_id": "user"}),
        Hook(Role.SESSION_ENDED, f"{MODULE}:close_session", {"session_id": "session"}),
        *(Hook(Role.CASCADE, f"{MODULE}:Work.{name}", _CASCADE) for name in ("run", "arun", "stream", "astream")),
    ),
)
