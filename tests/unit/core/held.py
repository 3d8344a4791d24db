"""What a started span holds, in a process of its own: what other tests left on the SDK's classes changes what their objects take.

``python -m tests.unit.core.held echo|baggage|none`` prints bytes a span with the processor, and without.
"""

from __future__ import annotations

import gc
import sys
import tracemalloc

from opentelemetry.context import Context, attach, detach
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

from rvbbit_otel.caller import Caller, SessionId
from rvbbit_otel.processor import CallerSpanProcessor
from rvbbit_otel.propagation import with_caller, with_session
from rvbbit_otel.registry import EchoRegistry

FOX = Caller.of("sql-clever-fox-abc123", {"origin": "sql"})
CONTEXTS = {
    "echo": lambda: with_session(with_caller(Context(), FOX), SessionId("s1")),
    "baggage": lambda: with_caller(Context(), FOX),
    "none": Context,
}
SPANS = 1_000


def held(processor: SpanProcessor, context: Context) -> float:
    """Bytes that one started span holds."""
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor)
    tracer = provider.get_tracer("t")
    kept: list[object] = [None] * SPANS
    token = attach(context)
    try:
        for _ in range(50):
            tracer.start_span("warm", attributes={"a": 1, "b": 2, "c": 3})
        gc.collect()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        for number in range(SPANS):
            kept[number] = tracer.start_span("log", attributes={"a": 1, "b": 2, "c": 3})
        return (tracemalloc.get_traced_memory()[0] - before) / SPANS
    finally:
        tracemalloc.stop()
        detach(token)


if __name__ == "__main__":
    registry = EchoRegistry()
    registry.open(SessionId("s1"), FOX)
    context = CONTEXTS[sys.argv[1]]()
    print(held(CallerSpanProcessor(registry), context), held(SpanProcessor(), context))
