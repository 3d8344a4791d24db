"""Model calls that were logged before anybody knew their price: some providers tell it seconds later."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from rvbbit_otel.counters import Counters

# Calls remembered at most; beyond that the oldest loses its late price, which is counted.
_MAX_CALLS: Final = 10_000


class Unpriced(NamedTuple):
    """The attributes of the row that was written without a cost, and whether that row accounts for tokens and cost."""

    attributes: dict[str, Any]
    accounts: bool


class UnpricedCalls:
    """The calls by the provider's id of the request."""

    def __init__(self, counters: Counters) -> None:
        """None yet."""
        self._counters = counters
        self._calls: dict[str, Unpriced] = {}

    def put(self, request_id: object, call: Unpriced) -> None:
        """Remember a call."""
        self._calls[str(request_id)] = call
        while len(self._calls) > _MAX_CALLS:
            try:
                del self._calls[next(iter(self._calls))]
            except (KeyError, RuntimeError):  # Another thread was there first.
                return
            self._counters.add("dropped.late_usage")

    def take(self, request_id: object) -> Unpriced | None:
        """Forget a call; None if it is not known, or has its price."""
        return self._calls.pop(str(request_id), None)
