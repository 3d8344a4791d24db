"""Report spans that did not reach their target when the process ends: one line on standard error for each kind, with
the number and the reason.

The SDK says nothing of what is left in its queue, and a program that ends by itself is not asked for its counters.
"""

from __future__ import annotations

import sys
from typing import Any, Final

_ADVICE: Final = "is OTEL_EXPORTER_OTLP_ENDPOINT right, and does something listen there? `rvbbit-otel doctor` says"


def tell(queue: Any) -> None:
    """Say what is lost of a batch processor's queue that was shut down; nothing where nothing is."""
    exporter = _counting(queue._exporter)
    counts = {
        "still waited": len(queue._queue),
        "were on their way": exporter.on_their_way if exporter else 0,
        "were refused": exporter.given_up if exporter else 0,
        "had no room to wait": getattr(queue._metrics, "dropped", 0),
    }
    lost = sum(counts.values())
    if lost and sys.stderr is not None:
        what = "log records" if "log" in str(getattr(queue, "_exporting", "")).lower() else "spans"
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in counts.items() if count)
        line = f"rvbbit-otel: {lost:,} {what} did not reach their target by the end of the program: {reasons} ({_ADVICE})\n"
        sys.stderr.write(line)
        sys.stderr.flush()


def _counting(exporter: Any) -> Any:
    """Return the outermost exporter of ours that counts, None if there is none."""
    while exporter is not None and not hasattr(type(exporter), "on_their_way"):
        exporter = getattr(exporter, "__dict__", {}).get("inner")
    return exporter
