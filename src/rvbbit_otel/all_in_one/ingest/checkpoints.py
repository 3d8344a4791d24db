"""The thread that takes out of the journal what is stored."""

from __future__ import annotations

import threading

from rvbbit_otel.all_in_one.journal import Journal
from rvbbit_otel.counters import Counters

# Seconds after which what is stored leaves the journal. That much is stored once more after the process was killed, and nothing of it twice.
_SECONDS = 5.0


class Checkpoints:
    """One every few seconds, and a last one at the end."""

    def __init__(self, journal: Journal, counters: Counters) -> None:
        """Start the thread."""
        self._journal = journal
        self._counters = counters
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="rvbbit-checkpoint", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take one more, and close the journal: nothing is written to it any more."""
        self._closing = True
        self._journal.crowded.set()
        self._thread.join()
        self._take()
        self._journal.close()

    def _work(self) -> None:
        while not self._closing:
            self._journal.crowded.wait(_SECONDS)
            self._journal.crowded.clear()
            self._take()

    def _take(self) -> None:
        try:
            self._journal.checkpoint()
        except Exception as error:  # noqa: BLE001 - it is tried again in a few seconds
            self._counters.error("journal.checkpoint", error)
