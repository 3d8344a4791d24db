"""Flush queued spans before a process ends that runs no exit handlers: a forked worker, a server that ends by a
signal.
"""

from __future__ import annotations

import threading
from typing import Final

from opentelemetry import trace

from rvbbit_otel.counters import failed

# Seconds that such an end waits at most, unless it is told to be more patient.
SECONDS: Final = 2.0


def flush(seconds: float = SECONDS) -> None:
    """Wait for the last spans to leave, for a bounded time."""
    try:
        provider_flush = getattr(trace.get_tracer_provider(), "force_flush", None)
        if provider_flush is not None:
            waiter = threading.Thread(target=provider_flush, daemon=True)
            waiter.start()
            waiter.join(seconds)
    except Exception as error:  # noqa: BLE001 - the host ends as it would
        failed("flush", error)
