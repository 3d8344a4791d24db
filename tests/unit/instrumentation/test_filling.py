"""Attributes that go past the SDK's cleaning end up as if they had not."""

from __future__ import annotations

import pytest
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from rvbbit_otel.attribution.registry import EchoRegistry
from rvbbit_otel.instrumentation.emit.content import ContentRule
from rvbbit_otel.instrumentation.emit.span_attributes import Filling
from rvbbit_otel.instrumentation.emit.spans import Spans
from rvbbit_otel.sdk.install import Pipeline
from rvbbit_otel.settings import Settings

ROW = {"session.id": "s1", "rvbbit.log.role": "user", "rvbbit.take.index": 1, "rvbbit.usage.cost": 0.5}
STAMP = {"rvbbit.caller.source": "none"}


class _Noting(SpanProcessor):
    def __init__(self) -> None:
        self.started: list[dict[str, object]] = []

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        self.started.append(dict(span.attributes or {}))


class Setup:
    def __init__(self, limits: SpanLimits | None = None) -> None:
        self.noting, self.exporter = _Noting(), InMemorySpanExporter()
        self.provider = TracerProvider(sampler=ALWAYS_OFF, span_limits=limits, shutdown_on_exit=False)
        self.provider.add_span_processor(self.noting)
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.registry = EchoRegistry()
        Pipeline(self.registry, Settings(content="full")).install_tracing(self.provider)
        self.tracer = self.provider.get_tracer("rvbbit_otel")
        counters = self.registry.counters
        self.spans = Spans(self.tracer, ContentRule(Settings(), counters), counters)

    def row(self) -> ReadableSpan:
        self.spans.start("log user", "log", Context(), dict(ROW)).end()
        return self.exporter.get_finished_spans()[-1]


def test_a_processor_that_was_there_before_us_sees_every_attribute_at_the_start() -> None:
    setup = Setup()
    exported = setup.row()
    assert isinstance(setup.tracer.span_processor, Filling)  # type: ignore[attr-defined]
    assert setup.noting.started == [{**ROW, "rvbbit.kind": "log"}]
    assert dict(exported.attributes or {}) == {**ROW, "rvbbit.kind": "log", **STAMP}


@pytest.mark.parametrize("most", [0, 1, 3, 128])
@pytest.mark.parametrize("longest", [0, 1, 2, None])
def test_the_sdks_limits_cut_content_and_nothing_that_a_row_is_told_apart_by(most: int, longest: int | None) -> None:
    setup = Setup(SpanLimits(max_span_attributes=most, max_span_attribute_length=longest))
    whole = {**ROW, "rvbbit.session.parent_id": "parent", "rvbbit.kind": "log"}
    setup.spans.start("log", "log", Context(), {**whole, "rvbbit.log.content": "written by a user"}).end()
    exported = dict(setup.exporter.get_finished_spans()[-1].attributes or {})
    content = exported.pop("rvbbit.log.content")
    assert exported == {**whole, **STAMP}
    assert content in ("written by a user", "written by a user"[:longest])


def test_what_somebody_else_starts_with_that_tracer_gets_nothing_of_ours() -> None:
    setup = Setup()
    setup.row()
    setup.tracer.start_span("theirs", Context(), attributes={"session.id": "s2"}).end()
    assert dict(setup.exporter.get_finished_spans()[-1].attributes or {}) == {"session.id": "s2", **STAMP}


def test_a_tracer_is_filled_by_one_however_often_it_is_instrumented() -> None:
    setup = Setup()
    for _ in range(2):
        Spans(setup.tracer, setup.spans.content, setup.registry.counters).start("log", "log", Context(), {}).end()
    assert not isinstance(setup.tracer.span_processor.inner, Filling)  # type: ignore[attr-defined]
    assert len(setup.exporter.get_finished_spans()) == 2
