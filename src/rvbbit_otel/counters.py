"""Counters about ourselves: exact under threads, without a lock on the way of a span."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from threading import get_ident
from typing import Final

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from rvbbit_otel.host_signals import from_handler

_logger = logging.getLogger("rvbbit_otel")

# The name of a counter is `family` or `family.label`; each family is one OpenTelemetry metric.
FAMILIES: Final[Mapping[str, str]] = {
    "stamped": "Spans stamped, by source",
    "log_records": "Log records stamped, by source",
    "repaired": "Spans whose stamp was set or restored at export",
    "conflicts": "Spans or sessions for which two answers differed",
    "invalid_ids": "Caller or session ids that broke their format and were not used",
    "invalid_usage": "Tokens and costs that can't be and were not used, by field",
    "mended": "Answers and arguments of the runner that were filled with its caller, by place",
    "untrusted": "Callers that were named by who is not trusted, and were not believed, by how",
    "evicted": "Sessions forgotten because the registry was full",
    "errors": "Errors of our own, caught, by place",
    "split": "Batches that went in parts, by reason",
    "dropped": "Items of ours that were left out, by reason",
}


class Counters:
    """Counts by name, summed when read.

    Each thread adds to a dictionary of its own, so that no increment is lost and none waits.
    """

    def __init__(self) -> None:
        """Start with every count at zero."""
        self._by_thread: dict[int, dict[str, int]] = {}
        self._told: set[tuple[str, str]] = set()
        self._uncounted = 0

    def add(self, name: str, amount: int = 1) -> None:
        """Add to one counter."""
        # A thread's identity is used again after its end, so this is bounded by the number of threads alive at once.
        thread = get_ident()
        try:
            self._by_thread[thread][name] += amount
        except KeyError:
            counts = self._by_thread.setdefault(thread, {})
            counts[name] = counts.get(name, 0) + amount

    def error(self, where: str, error: BaseException) -> None:
        """Count an error of ours, and log it the first time that its type is seen at this place.

        What the host's own signal handler raised is none of ours: it is raised again. Nothing else ever leaves this: it is called in the middle of
        the host's calls, and there is no net below it.
        """
        theirs = False
        try:
            theirs = from_handler(error)
            if not theirs:
                self._note(where, error)
        except Exception as second:  # What counts and logs is broken itself.
            self._uncounted += 1
            if self._uncounted == 1:
                _logger.error("rvbbit-otel: errors can't be counted; later ones are lost", exc_info=second)
        if theirs:
            raise error

    def _note(self, where: str, error: BaseException) -> None:
        self.add(f"errors.{where}")
        key = (where, type(error).__name__)
        if key not in self._told and len(self._told) < 1000:
            self._told.add(key)
            _logger.error(
                "rvbbit-otel: %s failed and was skipped; later ones like it are only counted", where, exc_info=error
            )

    def snapshot(self) -> dict[str, int]:
        """Every counter that is not zero, by name."""
        total: dict[str, int] = {"errors.telemetry": self._uncounted} if self._uncounted else {}
        for counts in list(self._by_thread.values()):
            for name, amount in list(counts.items()):
                total[name] = total.get(name, 0) + amount
        return total


def failed(where: str, error: BaseException) -> None:
    """Count an error of a part that knows no counters, with those of the instrumentation that is on."""
    counters = _at_work[-1] if _at_work else _nobodys
    counters.error(where, error)


def count(name: str) -> None:
    """Count for a part that knows no counters, as `failed` does."""
    (_at_work[-1] if _at_work else _nobodys).add(name)


def count_with(counters: Counters) -> Callable[[], None]:
    """Let `failed` count with these from here on; call what is returned to end that."""
    _at_work.append(counters)

    def end() -> None:
        if counters in _at_work:
            _at_work.remove(counters)

    return end


_at_work: Final[list[Counters]] = []
_nobodys: Final = Counters()


class Once:
    """Say a thing in the log once a process."""

    def __init__(self) -> None:
        """Nothing said yet."""
        self._said: set[str] = set()
        self._lock = threading.Lock()

    def warn(self, message: str) -> None:
        """Log a warning unless the same one was logged before."""
        with self._lock:
            if message in self._said:
                return
            self._said.add(message)
        _logger.warning("rvbbit-otel: %s", message)


def observe(meter: Meter, counters: Counters, sessions: Callable[[], int]) -> None:
    """Show the counters as OpenTelemetry metrics ``rvbbit.attribution.*``, without any caller or session as a label."""

    def read(family: str) -> Callable[[CallbackOptions], list[Observation]]:
        def callback(options: CallbackOptions) -> list[Observation]:
            rows: list[Observation] = []
            try:
                for name, amount in counters.snapshot().items():
                    head, dot, label = name.partition(".")
                    if head == family:
                        rows.append(Observation(amount, {"label": label} if dot else {}))
            except Exception as error:  # noqa: BLE001 - whatever reads metrics goes on to the next
                counters.error("metrics", error)
            return rows

        return callback

    def remembered(options: CallbackOptions) -> list[Observation]:
        rows: list[Observation] = []
        try:
            rows.append(Observation(sessions()))
        except Exception as error:  # noqa: BLE001 - as above
            counters.error("metrics", error)
        return rows

    for family, description in FAMILIES.items():
        meter.create_observable_counter(f"rvbbit.attribution.{family}", [read(family)], description=description)
    meter.create_observable_gauge("rvbbit.attribution.sessions", [remembered], description="Sessions remembered now")
