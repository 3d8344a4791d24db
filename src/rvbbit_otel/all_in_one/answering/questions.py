"""The questions that are on their way through the engine, by the names that their clients gave them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from rvbbit_otel.all_in_one.engine.error import EngineError
from rvbbit_otel.errors import StoreUnavailableError

_AGAIN_SECONDS = 0.1


@dataclass
class Question:
    """One that is on its way: what stops it, from the loop's side or from the thread's."""

    query_id: str
    text: str
    readers: list[str] = field(default_factory=list)
    left: threading.Event = field(default_factory=threading.Event)
    killed: threading.Event = field(default_factory=threading.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def check(self) -> None:
        """Raise what its client is told if it was stopped before the engine had it."""
        if self.killed.is_set():
            raise EngineError("Code: 394. DB::Exception: Query was cancelled. (QUERY_WAS_CANCELLED)")
        if self.left.is_set():
            raise StoreUnavailableError("the client is gone")


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
        self._stop(question)

    def kill(self, question: Question) -> None:
        """Stop it likewise; its client is told so."""
        question.killed.set()
        self._insist(question)

    def _insist(self, question: Question) -> None:
        """The engine may be told a moment before the question reaches it, and would know of none: so it is told until the question has ended."""
        if not question.ended.is_set():
            self._stop(question)
            asyncio.get_running_loop().call_later(_AGAIN_SECONDS, self._insist, question)

    def _stop(self, question: Question) -> None:
        for reader in question.readers:
            self._cancel(reader)
