"""What a started span holds, in a process of its own: what other tests left on the SDK's classes changes what their objects take.

``python -m tests.unit.core.held echo|baggage|none`` prints whose a stamped span is by its source, and bytes a span: with the processor, with one
that puts in what everybody shares and nothing else, and with none.
"""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections.abc import Callable, Mapping
from typing import Any

from opentelemetry.context import Context, attach, detach
from opentelemetry.sdk.trace import Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator

from rvbbit_otel.attributes import CALLER_SOURCE
from rvbbit_otel.attribution.caller import Caller, SessionId
from rvbbit_otel.attribution.propagation import with_caller, with_session
from rvbbit_otel.attribution.registry import EchoRegistry
from rvbbit_otel.attribution.stamping import STAMP_SLOT
from rvbbit_otel.sdk.span_processor import CallerSpanProcessor

FOX = Caller.of("sql-clever-fox-abc123", {"origin": "sql"})
CONTEXTS: dict[str, Callable[[], Context]] = {
    "echo": lambda: with_session(with_caller(Context(), FOX), SessionId("s1")),
    "baggage": lambda: with_caller(Context(), FOX),
    "none": Context,
}
SPANS = 1_000


class Same(IdGenerator):
    """The same ids each time: a smaller number takes less, and one of sixteen is smaller."""

    def generate_span_id(self) -> int:
        return 2**63

    def generate_trace_id(self) -> int:
        return 2**127


class References(SpanProcessor):
    """The least that a stamp can hold: the slot, and the entries of a stamp that all spans share."""

    def __init__(self, stamp: Mapping[str, str]) -> None:
        self._stamp = stamp

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        attributes: Any = span._attributes
        setattr(attributes, STAMP_SLOT, self._stamp)
        attributes._dict.update(self._stamp)


def held(processor: SpanProcessor, context: Context) -> tuple[float, Any]:
    """Bytes that one started span holds, and the attributes of such a span; what is made once for all of them is not counted."""
    (few, _), (many, attributes) = (_taken(spans, processor, context) for spans in (SPANS, 2 * SPANS))
    return (many - few) / SPANS, attributes


def _taken(spans: int, processor: SpanProcessor, context: Context) -> tuple[int, Any]:
    provider = TracerProvider(shutdown_on_exit=False, id_generator=Same())
    provider.add_span_processor(processor)
    tracer = provider.get_tracer("t")
    kept: list[Any] = [None] * spans
    token = attach(context)
    try:
        for _ in range(50):
            tracer.start_span("warm", attributes={"a": 1, "b": 2, "c": 3})
        gc.collect()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        for number in range(spans):
            kept[number] = tracer.start_span("log", attributes={"a": 1, "b": 2, "c": 3})
        return tracemalloc.get_traced_memory()[0] - before, kept[-1]._attributes
    finally:
        tracemalloc.stop()
        detach(token)


if __name__ == "__main__":
    registry = EchoRegistry()
    registry.open(SessionId("s1"), FOX)
    context = CONTEXTS[sys.argv[1]]()
    stamped, attributes = held(CallerSpanProcessor(registry), context)
    least, _ = held(References(getattr(attributes, STAMP_SLOT)), context)
    plain, _ = held(SpanProcessor(), context)
    print(attributes[CALLER_SOURCE], stamped, least, plain)
