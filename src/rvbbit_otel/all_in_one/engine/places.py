"""Places for questions at the engine: so many run at once, and a few more beside those that the engine does not stop.

No limit of the engine reaches into one call of a function, nor into the planning of a statement (ADR 78). A question that goes on in there after its
end is given up: its client has an error, its place goes to another question, and it goes on by itself. That is done for a few at once, since each
takes a core.
"""

from __future__ import annotations

import threading
import time


class Place:
    """One place, taken by one question."""

    def __init__(self, places: Places) -> None:
        """Made by `Places.take`."""
        self._places = places
        self.given_up = False

    def give_back(self) -> None:
        """The question has left the engine. Once."""
        self._places._back(self)

    def give_up(self) -> bool:
        """Let another question have the place while this one is still in the engine; False where too many were given up already."""
        return self._places._up(self)


class Places:
    """`count` places, and `spare` questions that may be in the engine besides. For any thread."""

    def __init__(self, count: int, spare: int) -> None:
        """All are free."""
        self._free = count
        self._spare = spare
        self._taken: set[Place] = set()
        self._changed = threading.Condition()

    def take(self, seconds: float) -> Place | None:
        """A place, None if none is free for that long."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._free > 0, seconds):
                return None
            self._free -= 1
            place = Place(self)
            self._taken.add(place)
            return place

    def wait_empty(self, seconds: float) -> int:
        """How many questions are still in the engine, after so long at most; no place is free from now on."""
        ends = time.monotonic() + seconds
        with self._changed:
            self._changed.wait_for(lambda: not self._taken, max(0.0, ends - time.monotonic()))
            self._free = -len(self._taken)
            return len(self._taken)

    def _back(self, place: Place) -> None:
        with self._changed:
            self._taken.discard(place)
            if place.given_up:
                self._spare += 1
            else:
                self._free += 1
            self._changed.notify_all()

    def _up(self, place: Place) -> bool:
        with self._changed:
            if place not in self._taken or place.given_up:
                return True
            if not self._spare:
                return False
            self._spare -= 1
            place.given_up = True
            self._free += 1
            self._changed.notify_all()
            return True
