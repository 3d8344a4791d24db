"""What a stamp costs, counted and not timed."""

from __future__ import annotations

import gc
import tracemalloc

import pytest
from opentelemetry.context import Context, attach, detach
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

from rvbbit_otel.caller import Caller, SessionId
from rvbbit_otel.processor import STAMP_SLOT, CallerSpanProcessor
from rvbbit_otel.propagation import with_caller, with_session
from rvbbit_otel.registry import EchoRegistry

FOX = Caller.of("sql-clever-fox-abc123", {"origin": "sql"})
SPANS = 1_000


def _registry() -> EchoRegistry:
    registry = EchoRegistry()
    registry.open(SessionId("s1"), FOX)
    return registry


def _held(processor: SpanProcessor, context: Context) -> float:
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


@pytest.mark.parametrize(
    "context",
    [with_session(with_caller(Context(), FOX), SessionId("s1")), with_caller(Context(), FOX), Context()],
    ids=["echo", "baggage", "none"],
)
def test_a_stamped_span_holds_references_and_no_copies(context: Context) -> None:
    # The slot of the stamp and room for four entries; one stamp of its own would be 232 bytes more.
    assert _held(CallerSpanProcessor(_registry()), context) - _held(SpanProcessor(), context) < 200


def test_two_spans_of_one_caller_share_their_stamp() -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(CallerSpanProcessor(_registry()))
    tracer = provider.get_tracer("t")
    for context in (with_session(with_caller(Context(), FOX), SessionId("s1")), with_caller(Context(), FOX), Context()):
        first, second = (
            getattr(tracer.start_span("log", context)._attributes, STAMP_SLOT)  # type: ignore[attr-defined]
            for _ in range(2)
        )
        assert first is second
