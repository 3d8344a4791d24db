from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.context import Context, attach, get_current
from opentelemetry.sdk.trace import ReadableSpan, Tracer, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.unit.instrumentation import toy

from rvbbit_otel.instrumentation import RvbbitInstrumentor, hooks, runners
from rvbbit_otel.instrumentation.instrumentor import Instrumentation

ROOT = Path(__file__).parents[3]


class Traced:
    """The toy runner, instrumented, with an exporter in memory."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer: Tracer = self.provider.get_tracer("third-party")  # type: ignore[assignment]

    @property
    def ours(self) -> Instrumentation:
        current = RvbbitInstrumentor().current
        assert current is not None
        return current

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self.exporter.get_finished_spans()

    def named(self, name: str) -> ReadableSpan:
        (span,) = [span for span in self.spans if span.name == name]
        return span

    def mark(self, text: str) -> None:
        """A third-party span, to be compared with what its name says."""
        self.tracer.start_span(text).end()

    def callers(self) -> dict[str, Any]:
        """Caller by name of each third-party span."""
        return {
            span.name: (span.attributes or {}).get("rvbbit.caller.id")
            for span in self.spans
            if "rvbbit.kind" not in (span.attributes or {})
        }

    def errors(self) -> dict[str, int]:
        return {name: n for name, n in self.ours.counters.snapshot().items() if name.startswith("errors.")}


@pytest.fixture(autouse=True)
def _context_left_as_it_was() -> Iterator[None]:
    before = get_current()
    attach(Context())
    yield
    attach(before)


@pytest.fixture
def instrumented(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Traced]]:
    monkeypatch.setattr(runners, "SHIPPED", (toy.SPEC,))
    # What the log was told once a process, each test wants to be told.
    monkeypatch.setattr(hooks, "_told", set())

    def instrument(**options: Any) -> Traced:
        traced = Traced()
        RvbbitInstrumentor().instrument(tracer_provider=traced.provider, **options)
        return traced

    yield instrument
    if RvbbitInstrumentor().is_instrumented_by_opentelemetry:
        RvbbitInstrumentor().uninstrument()


@pytest.fixture
def traced(instrumented: Callable[..., Traced]) -> Traced:
    return instrumented()


@pytest.fixture
def forget_modules() -> Iterator[list[str]]:
    """Names of modules that a test imports for itself."""
    names: list[str] = []
    yield names
    for name in names:
        sys.modules.pop(name, None)
