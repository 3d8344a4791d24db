"""One span from the SDK to the store, made in a process that a launcher set up: what `rvbbit-otel doctor` starts for its probe.

``python -m rvbbit_otel.doctor.probe_program RESULT CALLER`` writes one JSON object to the file RESULT.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider

from rvbbit_otel.attributes import CALLER_ID
from rvbbit_otel.attribution.caller import Caller
from rvbbit_otel.attribution.propagation import with_caller
from rvbbit_otel.instrumentation.instrumentor import RvbbitInstrumentor
from rvbbit_otel.sdk.span_processor import CallerSpanProcessor

SPAN_NAME = "rvbbit-otel doctor"
FLUSH_MILLISECONDS = 10_000


def probe(caller_id: str) -> dict[str, Any]:
    """Make a span of this caller, without a session, and wait until it has left the process.

    ``{"provider": class name, "instrumented", "processor", "stamped", "flushed": booleans, "trace_id": hex, "ended": seconds since the epoch,
    "unredacted": class names of the processors that may export without redaction}``
    """
    provider = trace.get_tracer_provider()
    sdk = isinstance(provider, TracerProvider)
    processors = getattr(getattr(provider, "_active_span_processor", None), "_span_processors", ())
    context = with_caller(Context(), Caller.of(caller_id, None, "doctor"))
    span = trace.get_tracer("rvbbit_otel.doctor").start_span(SPAN_NAME, context)
    span.end()
    ended = time.time()
    stamp = dict(span.attributes or {}) if isinstance(span, ReadableSpan) else {}
    return {
        "provider": type(provider).__name__,
        "instrumented": RvbbitInstrumentor().current is not None,
        "processor": any(isinstance(each, CallerSpanProcessor) for each in processors),
        "unredacted": [type(each).__name__ for each in processors if not _is_redacted(each)],
        "stamped": stamp.get(CALLER_ID) == caller_id,
        "trace_id": trace.format_trace_id(span.get_span_context().trace_id),
        "ended": ended,
        "flushed": provider.force_flush(FLUSH_MILLISECONDS) if sdk else False,  # type: ignore[attr-defined]
    }


def _is_redacted(processor: object) -> bool:
    """Return whether the spans of this processor are redacted before they are sent; true for our own processor,
    which sends nothing.
    """
    holder = getattr(processor, "_batch_processor", processor)
    exporter = getattr(holder, "_exporter", None) or getattr(holder, "span_exporter", None)
    return isinstance(processor, CallerSpanProcessor) or getattr(exporter, "redactor", None) is not None


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(probe(sys.argv[2])), encoding="utf-8")
