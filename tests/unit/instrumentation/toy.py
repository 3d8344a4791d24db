"""A runner of a few lines, in which every role is a plain callable and every kind of callable occurs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Generator
from contextvars import ContextVar
from typing import Any

from rvbbit_otel.instrumentation import Hook, Role, RunnerSpec

MODULE = "tests.unit.instrumentation.toy"


class ToyError(Exception):
    pass


def set_caller(caller_id: Any, metadata: Any = None, connection_id: Any = None) -> str:
    return "set"


def clear_caller(connection_id: Any = None) -> str:
    return "cleared"


def track_query(query: str) -> tuple[int, float, str]:
    return 7, 1.5, f"sql-{query}"


GUESS = ("sql-guess", {"guessed": True})
# What the runner itself knows of this line of execution.
own_caller: ContextVar[Any] = ContextVar("toy_caller", default=GUESS[0])


def who(connection_id: Any = None) -> Any:
    return own_caller.get() if connection_id is None else f"of {connection_id}"


def look_around(connection_id: Any = None) -> Any:
    return GUESS[0] if connection_id is None else f"of {connection_id}"


def what() -> Any:
    return GUESS[1]


def who_and_what() -> Any:
    return GUESS


class Job:
    """Is handed its caller, or asks who that is, as runners do that lose it."""

    def __init__(self, session_id: str, caller_id: Any = None, metadata: Any = None, parent: Any = None) -> None:
        self.session_id = session_id
        self.caller_id = caller_id
        self.metadata = metadata

    def keep(self, state: Any) -> Any:
        return state


def handle(query: str, body: Callable[[], Any]) -> Any:
    return body()


def loop(body: Callable[[], Any]) -> Any:
    return body()


def price(request_id: str, cost: Any, tokens: Any = None) -> dict[str, Any]:
    return {"cost": cost, "tokens": tokens, "model": "m-1"}


def log(session_id: Any = None, role: Any = None, content: Any = None, **more: Any) -> str:
    return "logged"


def submit(later: list[Callable[[], Any]], function: Callable[[], Any]) -> None:
    later.append(function)


class Sessions:
    def get(self, session_id: Any, parent: Any = None, caller_id: Any = None, metadata: Any = None) -> dict[str, Any]:
        return {"session": session_id}

    def status(self, session_id: Any, status: Any, error: Any = None) -> str:
        return "noted"

    def heartbeat(self, session_id: Any) -> str:
        return "alive"

    def end(self, session_id: Any, status: Any = None) -> str:
        return "ended"


class Cascade:
    def __init__(self, session_id: str, name: str = "toy", parent: str | None = None) -> None:
        self.session_id = session_id
        self.name = name
        self.parent = parent

    def run(self, body: Callable[[], Any], inputs: Any = None) -> Any:
        return body()

    def cell(self, name: str, body: Callable[[], Any]) -> Any:
        return body()

    @staticmethod
    def tool(name: str, body: Callable[[], Any]) -> Any:
        return body()

    @classmethod
    def make_tool(cls, name: str, body: Callable[[], Any]) -> Any:
        return cls, body()


class Registry:
    def find(self, name: str) -> Callable[..., Any] | None:
        return {"double": lambda number: number * 2, "fetch": fetch}.get(name)


async def fetch(number: int) -> int:
    return number


def complete(model: str, body: Callable[[], Any] = dict) -> Any:
    return body()


async def complete_async(model: str, body: Callable[[], Any]) -> Any:
    return await body()


def stream(model: str, body: Callable[[], Any]) -> Generator[Any, Any, str]:
    sent = []
    try:
        for number in range(3):
            body()
            sent.append((yield number))
    except ToyError as error:
        sent.append((yield f"caught {error}"))
    return f"sent {sent}"


async def stream_async(model: str, body: Callable[[], Any]) -> AsyncIterator[Any]:
    for number in range(3):
        body()
        yield number


def stream_items(model: str, items: list[Any]) -> Generator[Any, Any, None]:
    yield from items


async def stream_items_async(model: str, items: list[Any]) -> AsyncIterator[Any]:
    for item in items:
        yield item


LOG_FIELDS = (
    "session_id role content node_type cell_name take_index model request_id tokens_in tokens_out cost duration_ms "
    "metadata"
)
_LLM = {"model": "model", "tokens_in": "result.tokens_in", "tokens_out": "result.tokens_out", "cost": "result.cost"}
_STREAMED = {
    "model": "model",
    "tokens_in": "yielded.usage.0",
    "tokens_out": "yielded.usage.1",
    "response_model": "yielded.by",
}
SPEC = RunnerSpec(
    name="toy",
    module="tests",
    hooks=(
        Hook(
            Role.CALLER_SET,
            f"{MODULE}:set_caller",
            {
                "caller_id": "caller_id",
                "metadata": "metadata",
                "connection_id": "connection_id",
                "query": "metadata.sql_query",
            },
        ),
        Hook(Role.CALLER_SET, f"{MODULE}:track_query", {"caller_id": "result.2", "origin": "literal:tracked"}),
        Hook(Role.CALLER_CLEARED, f"{MODULE}:clear_caller", {"connection_id": "connection_id"}),
        Hook(
            Role.SESSION_OPENED,
            f"{MODULE}:Sessions.get",
            {
                "session_id": "session_id",
                "parent_session_id": "parent",
                "caller_id": "caller_id",
                "metadata": "metadata",
            },
        ),
        Hook(
            Role.SESSION_STATUS,
            f"{MODULE}:Sessions.status",
            {"session_id": "session_id", "status": "status", "error": "error"},
        ),
        Hook(Role.SESSION_HEARTBEAT, f"{MODULE}:Sessions.heartbeat", {"session_id": "session_id"}),
        Hook(Role.SESSION_ENDED, f"{MODULE}:Sessions.end", {"session_id": "session_id", "status": "status"}),
        Hook(
            Role.CASCADE,
            f"{MODULE}:Cascade.run",
            {
                "session_id": "self.session_id",
                "cascade_id": "self.name",
                "parent_session_id": "self.parent",
                "input": "inputs",
            },
        ),
        Hook(Role.CELL, f"{MODULE}:Cascade.cell", {"session_id": "self.session_id", "name": "name"}),
        Hook(Role.TOOL, f"{MODULE}:Cascade.tool", {"name": "name"}),
        Hook(Role.TOOL, f"{MODULE}:Cascade.make_tool", {"name": "name"}),
        Hook(Role.TOOL, f"{MODULE}:Registry.find()", {"name": "name"}),
        Hook(Role.LLM, f"{MODULE}:complete", _LLM),
        Hook(Role.LLM, f"{MODULE}:complete_async", _LLM),
        Hook(Role.LLM, f"{MODULE}:stream", {"model": "model"}),
        Hook(Role.LLM, f"{MODULE}:stream_async", {"model": "model"}),
        Hook(Role.LLM, f"{MODULE}:stream_items", _STREAMED),
        Hook(Role.LLM, f"{MODULE}:stream_items_async", _STREAMED),
        Hook(Role.LOG, f"{MODULE}:log", {name: name for name in LOG_FIELDS.split()}, accounts=True),
        Hook(Role.EXECUTOR, f"{MODULE}:submit", {"function": "function"}),
        Hook(Role.CALLER_ASKED, f"{MODULE}:who", {"caller_id": "result", "connection_id": "connection_id"}),
        Hook(Role.CALLER_GUESSED, f"{MODULE}:look_around", {"connection_id": "connection_id"}),
        Hook(Role.CALLER_ASKED, f"{MODULE}:what", {"metadata": "result"}),
        Hook(Role.CALLER_ASKED, f"{MODULE}:who_and_what", {"caller_id": "result.0", "metadata": "result.1"}),
        Hook(
            Role.SESSION_OPENED,
            f"{MODULE}:Job.__init__",
            {
                "session_id": "session_id",
                "caller_id": "caller_id",
                "metadata": "metadata",
                "parent_session_id": "parent",
            },
        ),
        Hook(
            Role.CALLER_PASSED,
            f"{MODULE}:Job.__init__",
            {"caller_id": "caller_id", "metadata": "metadata", "parent_session_id": "parent"},
        ),
        Hook(
            Role.CALLER_PASSED,
            f"{MODULE}:Job.keep",
            {"caller_id": "state.caller", "metadata": "state.metadata_json", "session_id": "self.session_id"},
        ),
        Hook(Role.CALLER, f"{MODULE}:handle", {"origin": "literal:sql", "query": "query"}),
        Hook(Role.DETACHED, f"{MODULE}:loop"),
        Hook(
            Role.USAGE,
            f"{MODULE}:price",
            {"request_id": "request_id", "cost": "result.cost", "tokens_in": "result.tokens", "model": "result.model"},
        ),
    ),
)
