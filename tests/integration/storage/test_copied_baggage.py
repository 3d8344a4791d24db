"""Programs of other languages whose baggage processor copies our baggage onto their spans.

The stand-in is OpenTelemetry's own BaggageSpanProcessor for Python in a program without us: it does what those for Go, Java and Node do, sets
each entry as an attribute when a span starts.
"""

from __future__ import annotations

import pytest
from opentelemetry import trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.processor.baggage import ALLOW_ALL_BAGGAGE_KEYS, BaggageSpanProcessor
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from tests.conftest import Store

from rvbbit_otel.attribution.caller import Caller, SessionId
from rvbbit_otel.attribution.propagation import GuardedPropagator, with_caller, with_session
from rvbbit_otel.counters import Counters
from rvbbit_otel.settings import Settings

FOX = Caller.of("sql-fox", {"origin": "sql"})
STANDARD = CompositePropagator([TraceContextTextMapPropagator(), W3CBaggagePropagator()])
ROWS = "SELECT caller_id, caller_source, claim, session_id FROM unified_logs"


def headers() -> dict[str, str]:
    """Those of a request that our host makes in the fox's session."""
    context = with_session(with_caller(Context(), FOX), SessionId("s1"))
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("client")
    span = tracer.start_span("GET", context, kind=SpanKind.CLIENT, attributes={"server.address": "go"})
    carrier: dict[str, str] = {}
    settings = Settings.from_options({"propagate_hosts": ["go"]})
    GuardedPropagator(STANDARD, settings, Counters()).inject(carrier, trace.set_span_in_context(span, context))
    return carrier


class Service:
    """A program that copies baggage and knows nothing of us."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._exporter = InMemorySpanExporter()
        self._provider = TracerProvider(shutdown_on_exit=False)
        self._provider.add_span_processor(BaggageSpanProcessor(ALLOW_ALL_BAGGAGE_KEYS))
        self._provider.add_span_processor(SimpleSpanProcessor(self._exporter))

    def serve(self, carrier: dict[str, str], **set_later: str) -> None:
        context = STANDARD.extract(carrier, Context())
        span = self._provider.get_tracer("go").start_span("serve", context)
        for name, value in set_later.items():
            span.set_attribute(name.replace("_", "."), value)
        span.end()
        self._store.send(encode_spans(self._exporter.get_finished_spans()).SerializeToString())


@pytest.fixture
def service(store: Store) -> Service:
    return Service(store)


def test_what_a_processor_copied_from_our_baggage_is_baggage(store: Store, service: Service) -> None:
    service.serve(headers())
    assert store.rows(ROWS) == [("sql-fox", "baggage", "stated", "s1")]
    assert store.one("SELECT SpanAttributes['rvbbit.caller.source'] FROM otel_traces") == "baggage"


def test_what_it_copied_from_an_older_host_s_is_baggage(store: Store, service: Service) -> None:
    older = headers()
    older["baggage"] = older["baggage"].replace(",rvbbit.caller.source=baggage", "")
    assert "source" not in older["baggage"]
    service.serve(older)
    assert store.rows(ROWS) == [("sql-fox", "baggage", "stated", "s1")]


def test_a_caller_that_it_sets_itself_is_explicit(store: Store, service: Service) -> None:
    service.serve({}, rvbbit_caller_id="web-1", session_id="s2")
    assert store.rows(ROWS) == [("web-1", "explicit", "stated", "s2")]


def test_a_caller_that_it_sets_in_spite_of_our_baggage_is_explicit_where_it_says_so(
    store: Store, service: Service
) -> None:
    service.serve(headers(), rvbbit_caller_id="web-1", rvbbit_caller_source="explicit")
    assert store.rows(ROWS) == [("web-1", "explicit", "stated", "s1")]
