"""Track how far storing has come, so that a question can wait for what was acknowledged before it."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from concurrent.futures import Future, InvalidStateError


class Progress:
    """Numbers that are on their way, in the order in which they were added; they are settled in any order."""

    def __init__(self) -> None:
        """Nothing is on its way."""
        self._lock = threading.Lock()
        self._on_their_way: dict[int, None] = {}
        self._last = 0
        self._waiting: list[tuple[int, Future[None]]] = []

    def add(self, numbers: Iterable[int]) -> None:
        """More, each greater than all before."""
        with self._lock:
            for number in numbers:
                self._on_their_way[number] = None
                self._last = number

    def settle(self, numbers: Iterable[int]) -> None:
        """These have arrived."""
        with self._lock:
            for number in numbers:
                self._on_their_way.pop(number, None)
            first = next(iter(self._on_their_way), self._last + 1)
            done = [future for number, future in self._waiting if number < first]
            self._waiting = [each for each in self._waiting if each[0] >= first]
        for future in done:
            _end(future)

    def all_so_far(self) -> Future[None]:
        """Done when all that was added before is settled; or failed, by `give_up`."""
        future: Future[None] = Future()
        with self._lock:
            if self._on_their_way:
                self._waiting = [each for each in self._waiting if not each[1].done()]  # Whoever left.
                self._waiting.append((self._last, future))
                return future
        future.set_result(None)
        return future

    def give_up(self, error: Exception) -> None:
        """Tell all who wait that it will take longer than they should wait."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
        for _, future in waiting:
            _end(future, error)


def _end(future: Future[None], error: Exception | None = None) -> None:
    try:
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)
    except InvalidStateError:
        pass  # It was cancelled: nobody waits.
