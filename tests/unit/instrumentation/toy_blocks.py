"""A runner whose runs and requests are entered, as pydantic-ai's are."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import SimpleNamespace
from typing import Any

from rvbbit_otel.instrumentation import Hook, Role, RunnerSpec

MODULE = "tests.unit.instrumentation.toy_blocks"


class ToyError(Exception):
    pass


class Quiet:
    """Suppresses what leaves its block."""

    def __enter__(self) -> Quiet:
        return self

    def __exit__(self, *_: Any) -> bool:
        return True


class Agent:
    name = "agent"

    @asynccontextmanager
    async def iter(self, run_id: str, fails: bool = False) -> AsyncIterator[str]:
        if fails:
            raise ToyError("not entered")
        yield run_id

    @contextmanager
    def iter_sync(self, run_id: str) -> Iterator[str]:
        yield run_id

    def quietly(self, run_id: str) -> Quiet:
        return Quiet()

    def not_a_manager(self, run_id: str) -> str:
        return run_id


@asynccontextmanager
async def request(model: str) -> AsyncIterator[SimpleNamespace]:
    """What it yields knows only when it was read what it cost."""
    answer = SimpleNamespace(usage=None, id=None)
    yield answer
    answer.usage, answer.id = SimpleNamespace(used=5, thought=2, cached=None), "resp-1"


def complete(model: str, inner: bool = False, stream: bool = False) -> Any:
    if inner:
        return SimpleNamespace(used=3)
    return (SimpleNamespace(used=used) for used in (None, 4)) if stream else complete(model, inner=True)


_RUN = {"session_id": "run_id", "cascade_id": "self.name"}
_USED = {"tokens_in": "result.usage.used+result.usage.cached", "tokens_out": "result.usage.used+result.usage.thought"}
SPEC = RunnerSpec(
    name="toy_blocks",
    module=MODULE,
    hooks=(
        *(
            Hook(Role.CASCADE, f"{MODULE}:Agent.{name}", _RUN, block=True)
            for name in ("iter", "iter_sync", "quietly", "not_a_manager")
        ),
        Hook(
            Role.LLM,
            f"{MODULE}:request",
            {"model": "model", "response_id": "result.id", **_USED},
            accounts=True,
            block=True,
        ),
        Hook(
            Role.LLM,
            f"{MODULE}:complete",
            {"model": "model", "tokens_in": "result.used|yielded.used"},
            accounts="alone",
            unless="inner",
        ),
    ),
)
