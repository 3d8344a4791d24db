"""A processor that copies baggage onto spans, as many programs have one, beside our own: a copy is nobody's statement."""

from __future__ import annotations

import pytest
from opentelemetry import baggage, trace
from opentelemetry.context import Context
from opentelemetry.processor.baggage import ALLOW_ALL_BAGGAGE_KEYS, BaggageSpanProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from rvbbit_otel.attribution.caller import Caller, SessionId
from rvbbit_otel.attribution.propagation import with_caller, with_session
from rvbbit_otel.attribution.registry import EchoRegistry
from rvbbit_otel.attribution.work import work_of
from rvbbit_otel.sdk.install import Pipeline
from rvbbit_otel.settings import Settings

FOX, OWL = (Caller.of(f"sql-{name}", {"origin": "sql"}) for name in ("fox", "owl"))
S1 = SessionId("s1")


class Host:
    """A program with both processors, theirs before ours or behind it."""

    def __init__(self, order: str) -> None:
        self.registry = EchoRegistry()
        self._exporter = InMemorySpanExporter()
        self._provider = TracerProvider(shutdown_on_exit=False)
        theirs = BaggageSpanProcessor(ALLOW_ALL_BAGGAGE_KEYS)
        if order == "before":
            self._provider.add_span_processor(theirs)
        Pipeline(self.registry, Settings()).install_tracing(self._provider)
        if order == "behind":
            self._provider.add_span_processor(theirs)
        self._provider.add_span_processor(SimpleSpanProcessor(self._exporter))

    def said(self, context: Context, late: str | None = None, **attributes: str) -> dict[str, object]:
        """What leaves of a span in this context: id, source, session, conflict, theirs."""
        named = {key.replace("_", "."): value for key, value in attributes.items()}
        span = self._provider.get_tracer("t").start_span("work", context, attributes=named)
        if late is not None:
            span.set_attribute("rvbbit.caller.id", late)
        span.end()
        self._exporter.force_flush()
        (ended,) = self._exporter.get_finished_spans()
        self._exporter.clear()
        left = dict(ended.attributes or {})
        for name in ("rvbbit.caller.digest", "rvbbit.caller.origin"):
            left.pop(name, None)
        return {key.removeprefix("rvbbit.caller."): value for key, value in left.items()}


@pytest.fixture(params=["before", "behind"])
def host(request: pytest.FixtureRequest) -> Host:
    return Host(request.param)


def test_a_copy_of_the_work_s_caller_is_the_work_s(host: Host) -> None:
    assert host.said(with_caller(Context(), FOX)) == {"id": "sql-fox", "source": "baggage"}
    kept = baggage.set_baggage("tenant", "7", with_caller(Context(), FOX))
    assert host.said(kept) == {"id": "sql-fox", "source": "baggage", "tenant": "7"}


def test_the_session_knows_better_than_a_copy(host: Host) -> None:
    echo = host.registry.open(S1, FOX)
    in_its_run = with_session(with_caller(Context(), FOX), S1, echo)
    assert host.said(in_its_run) == {"id": "sql-fox", "source": "echo", "session.id": "s1"}
    in_anothers_block = with_session(with_caller(Context(), OWL), S1)
    assert host.said(in_anothers_block) == {
        "id": "sql-fox",
        "source": "echo",
        "session.id": "s1",
        "conflict": "sql-owl",
    }


def test_a_copy_of_work_that_is_over_makes_nobody_the_caller(host: Host) -> None:
    host.registry.open(S1, FOX)
    context = with_session(with_caller(Context(), FOX), S1)
    work = work_of(context)
    assert work is not None and work.base is not None
    work.end()
    work.base.end()
    assert host.said(context) == {"source": "none"}


def test_a_caller_that_is_set_by_hand_after_the_start_is_explicit(host: Host) -> None:
    said = host.said(with_caller(Context(), FOX), late="web-1")
    assert said == {"id": "web-1", "source": "explicit", "conflict": "sql-fox"}


def test_a_caller_that_is_stated_without_baggage_is_explicit(host: Host) -> None:
    assert host.said(Context(), rvbbit_caller_id="web-1") == {"id": "web-1", "source": "explicit"}
    afar = trace.SpanContext(1, 2, is_remote=True, trace_flags=trace.TraceFlags(1))
    parent = trace.set_span_in_context(trace.NonRecordingSpan(afar), Context())
    assert host.said(parent, rvbbit_caller_id="web-1", rvbbit_caller_source="baggage")["source"] == "explicit"
