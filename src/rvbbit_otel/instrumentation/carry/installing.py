"""All ways in which work travels, and all places that it is taken from, wrapped and let go of in one go."""

from __future__ import annotations

from rvbbit_otel.instrumentation.carry.event_loops import EventLoops
from rvbbit_otel.instrumentation.carry.futures import Futures
from rvbbit_otel.instrumentation.carry.meetings import Meetings
from rvbbit_otel.instrumentation.carry.processes import Processes
from rvbbit_otel.instrumentation.carry.taking import Taking
from rvbbit_otel.instrumentation.carry.threads import Threads
from rvbbit_otel.instrumentation.carry.waiting import Waiting
from rvbbit_otel.instrumentation.carry.wrapping import Wrapping


class Carrying:
    """What wraps them."""

    def __init__(self, wrapping: Wrapping) -> None:
        """Nothing wrapped yet."""
        self._wrapping = wrapping
        self._loops = EventLoops(wrapping)

    def install(self) -> None:
        """Wrap them."""
        wrapping = self._wrapping
        Threads(wrapping).install()
        self._loops.install()
        for part in (Processes, Taking, Waiting, Meetings, Futures):
            part(wrapping).install()

    def remove(self) -> None:
        """Wrap nothing more."""
        self._loops.remove()
