"""Spans that are lost between their end and the store, counted: the SDK says so in its log only."""

from __future__ import annotations

from typing import Any

from rvbbit_otel.counters import Counters

QUEUE_FULL = "dropped.export_queue_full"


class CountingDrops:
    """Stands where a batch processor keeps the metrics of its own, and counts what it drops; all else goes on as it was."""

    def __init__(self, inner: Any, counters: Counters) -> None:
        """`inner` is what was there."""
        self.inner = inner
        self.dropped = 0
        self._counters = counters

    def drop_items(self, count: int, *error_type: str) -> None:
        """So many were left out: the oldest of a full queue, or what ended after the shutdown. An SDK before 1.45 does not say which."""
        self.dropped += count
        try:
            self._counters.add(QUEUE_FULL if error_type in ((), ("queue_full",)) else "dropped.after_shutdown", count)
        except Exception as error:  # noqa: BLE001 - the SDK drops what it drops
            self._counters.error("drops", error)
        self.inner.drop_items(count, *error_type)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)
