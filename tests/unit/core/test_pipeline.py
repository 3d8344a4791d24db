from __future__ import annotations

import inspect
import logging
import threading
from collections.abc import Sequence

import pytest
from opentelemetry import propagate
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.sdk import _shared_internal
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context
from tests.support.otlp import any_value, key_value

from rvbbit_otel.attribution.caller import Caller, SessionId
from rvbbit_otel.attribution.propagation import with_caller, with_session
from rvbbit_otel.attribution.registry import EchoRegistry
from rvbbit_otel.sdk.install import Pipeline
from rvbbit_otel.settings import Settings

FOX = Caller.of("sql-fox", {"origin": "sql"})


def spans_of(provider: TracerProvider) -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return exporter


def test_a_log_record_is_stamped_by_the_context_it_was_emitted_in() -> None:
    registry, exporter = EchoRegistry(), InMemoryLogRecordExporter()
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    Pipeline(registry, Settings(content="full")).install_logging(provider)
    registry.open(SessionId("s1"), FOX)
    logger = provider.get_logger("app")
    logger.emit(body="inside", context=with_session(Context(), SessionId("s1")), attributes={"x": 1})
    logger.emit(body="named", context=Context(), attributes={"session.id": "s1"})
    logger.emit(body="outside", context=Context())
    echo = {
        "session.id": "s1",
        "rvbbit.caller.id": "sql-fox",
        "rvbbit.caller.source": "echo",
        "rvbbit.caller.origin": "sql",
    }
    assert [
        (item.log_record.body, dict(item.log_record.attributes or {})) for item in exporter.get_finished_logs()
    ] == [
        ("inside", {"x": 1, **echo}),
        ("named", echo),
        ("outside", {"rvbbit.caller.source": "none"}),
    ]
    assert registry.counters.snapshot() == {"log_records.echo": 2, "log_records.none": 1}


def test_a_log_record_with_half_a_character_costs_that_text_and_none_of_its_neighbours() -> None:
    exporter = InMemoryLogRecordExporter()
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    pipeline = Pipeline(EchoRegistry(), Settings(content="full"))
    pipeline.install_logging(provider)
    body = {"file": "caf\udce9.txt", "sizes": [1, 2**70], "good": "é"}
    provider.get_logger("good").emit(body="good", context=Context(), attributes={"n": 1})
    provider.get_logger("half \ud83e").emit(
        body=body,
        context=Context(),
        severity_text="\ud83e",
        event_name="\ud83e",
        attributes={"k\ud83e": ["\ud83e"], "n": 2},
    )
    provider.get_logger("good").emit(body="good too", context=Context(), attributes={"n": 3})
    (group,) = encode_logs(exporter.get_finished_logs()).resource_logs
    records = {scope.scope.name: list(scope.log_records) for scope in group.scope_logs}
    assert [(record.body.string_value, record.attributes[0]) for record in records["good"]] == [
        ("good", key_value("n", 1)),
        ("good too", key_value("n", 3)),
    ]
    (odd,) = records["half \ufffd"]
    assert odd.body == any_value({"file": "caf\ufffd.txt", "sizes": [1, str(2**70)], "good": "é"})
    assert (odd.severity_text, odd.event_name) == ("\ufffd", "\ufffd")
    none = key_value("rvbbit.caller.source", "none")
    assert list(odd.attributes) == [key_value("k\ufffd", ["\ufffd"]), key_value("n", 2), none]
    assert body["file"] == "caf\udce9.txt"
    assert pipeline.counters.snapshot() == {"log_records.none": 3}


def test_a_sessions_rows_are_kept_where_the_users_sampler_drops_everything() -> None:
    provider = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)
    early = provider.get_tracer("made.before.us")
    exporter = spans_of(provider)
    registry = EchoRegistry()
    Pipeline(registry, Settings()).install_tracing(provider)
    registry.open(SessionId("s1"), FOX)
    for tracer in (early, provider.get_tracer("made.after.us")):
        tracer.start_span("named", Context(), attributes={"session.id": "s1"}).end()
        tracer.start_span("inside", with_session(Context(), SessionId("s1"))).end()
        tracer.start_span("caller root", Context(), attributes={"rvbbit.kind": "caller"}).end()
        tracer.start_span("elsewhere", with_caller(Context(), FOX)).end()
    assert [span.name for span in exporter.get_finished_spans()] == ["named", "inside", "caller root"] * 2


def test_a_trace_that_was_sampled_out_elsewhere_stays_out_but_for_its_sessions() -> None:
    provider = TracerProvider(sampler=ParentBased(ALWAYS_ON), shutdown_on_exit=False)
    exporter = spans_of(provider)
    Pipeline(EchoRegistry(), Settings()).install_tracing(provider)
    remote = SpanContext(0xABC, 0xDEF, is_remote=True, trace_flags=TraceFlags(TraceFlags.DEFAULT))
    context = set_span_in_context(NonRecordingSpan(remote), Context())
    tracer = provider.get_tracer("t")
    tracer.start_span("dropped", context).end()
    tracer.start_span("kept", context, attributes={"session.id": "s1"}).end()
    (kept,) = exporter.get_finished_spans()
    assert (kept.name, kept.context.trace_id, kept.parent) == ("kept", 0xABC, remote)


def test_installing_twice_stamps_once() -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    registry = EchoRegistry()
    pipeline = Pipeline(registry, Settings())
    pipeline.install_tracing(provider)
    pipeline.install_tracing(provider)
    provider.get_tracer("t").start_span("a", Context()).end()
    assert registry.counters.snapshot() == {"stamped.none": 1}


def test_uninstalling_puts_everything_back() -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    exporter = InMemorySpanExporter()
    batch, simple = BatchSpanProcessor(exporter), SimpleSpanProcessor(exporter)
    provider.add_span_processor(batch)
    provider.add_span_processor(simple)
    logs = LoggerProvider(shutdown_on_exit=False)
    tracer, textmap = provider.get_tracer("t"), propagate.get_global_textmap()
    before = (provider._active_span_processor._span_processors, provider.sampler, tracer.sampler)  # type: ignore[attr-defined]
    pipeline = Pipeline(EchoRegistry(), Settings())
    pipeline.install_tracing(provider)
    pipeline.install_logging(logs)
    pipeline.install_propagation()
    assert propagate.get_global_textmap() is not textmap
    assert batch.span_exporter is not exporter
    pipeline.uninstall()
    assert before == (provider._active_span_processor._span_processors, provider.sampler, tracer.sampler)  # type: ignore[attr-defined]
    assert (batch.span_exporter, simple.span_exporter) == (exporter, exporter)
    assert logs._multi_log_record_processor._log_record_processors == ()
    assert propagate.get_global_textmap() is textmap
    assert "add_span_processor" not in vars(provider)
    provider.shutdown()


def test_an_sdk_of_another_shape_costs_the_repair_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    class Strange(TracerProvider):
        @property
        def sampler(self) -> object:
            return ALWAYS_ON

        @sampler.setter
        def sampler(self, value: object) -> None:
            if value is not ALWAYS_ON:
                raise AttributeError("no sampler of yours here")

    provider = Strange(sampler=ALWAYS_ON, shutdown_on_exit=False)
    exporter = spans_of(provider)
    registry = EchoRegistry()
    with caplog.at_level(logging.ERROR, "rvbbit_otel"):
        Pipeline(registry, Settings()).install_tracing(provider)
    registry.open(SessionId("s1"), FOX)
    provider.get_tracer("t").start_span("a", Context(), attributes={"session.id": "s1"}).end()
    (span,) = exporter.get_finished_spans()
    assert (span.attributes or {})["rvbbit.caller.id"] == "sql-fox"
    assert registry.counters.snapshot() == {"errors.pipeline.sampler": 1, "stamped.echo": 1}
    assert len(caplog.records) == 1


class Stuck(SpanExporter):
    """Takes one batch and holds it until it may go; then fails."""

    def __init__(self) -> None:
        self.busy, self.go = threading.Event(), threading.Event()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.busy.set()
        assert self.go.wait(30)
        return SpanExportResult.FAILURE


def test_spans_that_a_full_queue_drops_and_spans_that_the_exporter_gives_up_are_counted() -> None:
    tells_of_its_shutdown = "already_shutdown" in inspect.getsource(_shared_internal)  # From 1.45 on.
    provider, registry, exporter = TracerProvider(shutdown_on_exit=False), EchoRegistry(), Stuck()
    pipeline = Pipeline(registry, Settings())
    pipeline.install_tracing(provider)
    processor = BatchSpanProcessor(exporter, max_queue_size=4, max_export_batch_size=1)
    provider.add_span_processor(processor)
    tracer = provider.get_tracer("runner")
    tracer.start_span("held", Context()).end()
    assert exporter.busy.wait(30)
    for number in range(7):
        tracer.start_span(f"row {number}", Context()).end()
    exporter.go.set()
    provider.shutdown()
    tracer.start_span("too late", Context()).end()
    counted = {name: count for name, count in registry.counters.snapshot().items() if name.startswith("dropped.")}
    assert counted == {
        "dropped.export_queue_full": 3,
        "dropped.export_failed": 5,
        **({"dropped.after_shutdown": 1} if tells_of_its_shutdown else {}),
    }
    wrapped = processor._batch_processor._metrics
    pipeline.uninstall()
    assert processor._batch_processor._metrics is wrapped.inner  # type: ignore[attr-defined]
