"""Generators that we drive for somebody: the collector may close them, and those that they delegate to, without us."""

from __future__ import annotations

from typing import Any

from rvbbit_otel.attribution.work import Work, reads
from rvbbit_otel.counters import failed


class Frames:
    """The frames of one such generator, by which it is known whose work it does when it is not we who run it."""

    __slots__ = ("_known", "_work")

    def __init__(self, work: Work | None) -> None:
        self._work = work
        self._known: list[int] = []

    def of(self, generator: Any) -> None:
        """It is suspended now."""
        try:
            self._note(generator)
        except Exception as error:  # noqa: BLE001 - the host's item is on its way
            failed("frames", error)

    def _note(self, generator: Any) -> None:
        while self._work is not None and generator is not None:
            frame = getattr(generator, "gi_frame", None) or getattr(generator, "ag_frame", None)
            if frame is not None and id(frame) not in self._known:
                self._known.append(id(frame))
                reads(id(frame), self._work)
            generator = getattr(generator, "gi_yieldfrom", None)

    def forget(self) -> None:
        """It is over."""
        try:
            for frame in self._known:
                reads(frame, None)
        except Exception as error:  # noqa: BLE001 - the host's generator has ended
            failed("frames", error)
            self.end()

    def end(self) -> None:
        """It is over, and something failed before it was forgotten: these may be the frames of another by now."""
        if self._work is not None:
            self._work.ended = True
