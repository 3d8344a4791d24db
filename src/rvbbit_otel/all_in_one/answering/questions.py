"""The questions that are on their way through the engine, by the names that their clients gave them."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from rvbbit_otel.all_in_one.engine.error import EngineError
from rvbbit_otel.errors import StoreUnavailableError

_AGAIN_SECONDS = 0.1
# Seconds for the engine to end a question that is over.
GRACE_SECONDS = 5.0

T = TypeVar("T")


@dataclass
class Question:
    """One that is on its way: what stops it, from the loop's side or from the thread's.

    deadline: on the loop's clock, when it is answered at the latest. changed: it was stopped, or its deadline is another.
    """

    query_id: str
    text: str
    readers: list[str] = field(default_factory=list)
    left: threading.Event = field(default_factory=threading.Event)
    killed: threading.Event = field(default_factory=threading.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    deadline: float = math.inf
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def check(self) -> None:
        """Raise what its client is told if it was stopped before the engine had it."""
        if self.killed.is_set():
            raise EngineError("Code: 394. DB::Exception: Query was cancelled. (QUERY_WAS_CANCELLED)")
        if self.left.is_set():
            raise StoreUnavailableError("the client is gone")

    def ends_by(self, deadline: float) -> None:
        """Its end, on the loop's clock."""
        self.deadline = deadline
        self.changed.set()

    async def wait(self, what: Awaitable[T], seconds: float) -> bool:
        """Wait for what comes before the engine, False if it did not come in time; raises what `check` does as soon as the question is stopped."""
        loop = asyncio.get_running_loop()
        waiting, ends = asyncio.ensure_future(what), loop.time() + seconds
        try:
            while not waiting.done() and loop.time() < ends:
                self.check()
                await self._change(waiting, ends)
            if not waiting.done():
                return False
            await waiting
            return True
        finally:
            waiting.cancel()

    async def wait_for(self, answer: asyncio.Future[bytes]) -> None:
        """Wait for what comes out of the engine; raises if the client leaves, or if the engine lets the deadline pass."""
        while not answer.done():
            await self._change(answer, self.deadline)
            if answer.done():
                return
            if self.left.is_set():
                raise StoreUnavailableError("the client is gone")
            if asyncio.get_running_loop().time() >= self.deadline:
                self.check()
                raise EngineError(
                    "Code: 159. DB::Exception: Timeout exceeded: no limit reaches into what this query does: ask for less at once. (TIMEOUT_EXCEEDED)"
                )

    async def _change(self, future: asyncio.Future[T], ends: float) -> None:
        self.changed.clear()
        changed = asyncio.ensure_future(self.changed.wait())
        left = None if ends == math.inf else max(0.0, ends - asyncio.get_running_loop().time())
        await asyncio.wait((future, changed), timeout=left, return_when=asyncio.FIRST_COMPLETED)
        changed.cancel()


class Questions:
    """All of a door. For one thread (an event loop's)."""

    def __init__(self, cancel: Callable[[str], object]) -> None:
        """`cancel` tells the engine to stop what a reader does, and does not wait."""
        self._cancel = cancel
        self._running: dict[str, Question] = {}

    def begin(self, query_id: str, text: str) -> Question:
        """A question on its way; raises EngineError for a name that another one has, as the real server does."""
        if query_id in self._running:
            raise EngineError(
                f"Code: 216. DB::Exception: Query with id = {query_id} is already running. (QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING)"
            )
        question = self._running[query_id] = Question(query_id, text)
        return question

    def end(self, question: Question) -> None:
        """Its client has the answer, or is gone."""
        self._running.pop(question.query_id, None)
        question.ended.set()

    def named(self, query_id: str) -> Question | None:
        """The one of that name, None if none runs."""
        return self._running.get(query_id)

    def leave(self, question: Question) -> None:
        """Nobody waits for it any more: stop it in the engine, or keep it from beginning."""
        question.left.set()
        question.changed.set()
        self._stop(question)

    def kill(self, question: Question) -> None:
        """Stop it likewise, wherever it is; its client is told so."""
        question.killed.set()
        question.ends_by(min(question.deadline, asyncio.get_running_loop().time() + GRACE_SECONDS))
        self._insist(question)

    def _insist(self, question: Question) -> None:
        """The engine may be told a moment before the question reaches it, and would know of none: so it is told until the question has ended."""
        if not question.ended.is_set():
            self._stop(question)
            asyncio.get_running_loop().call_later(_AGAIN_SECONDS, self._insist, question)

    def _stop(self, question: Question) -> None:
        for reader in question.readers:
            self._cancel(reader)
