"""Spans and log records as they leave, and what becomes of those that can't be looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from opentelemetry.context import Context
from opentelemetry.sdk._logs import LoggerProvider, ReadableLogRecord
from opentelemetry.sdk._logs.export import (
    BatchLogRecordProcessor,
    InMemoryLogRecordExporter,
    LogRecordExporter,
    SimpleLogRecordProcessor,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, SpanContext, Status, StatusCode, TraceFlags

from rvbbit_otel.attribution.registry import EchoRegistry
from rvbbit_otel.counters import Counters
from rvbbit_otel.redaction.records import Redactor
from rvbbit_otel.sdk.exporter import RepairingSpanExporter
from rvbbit_otel.sdk.install import Pipeline
from rvbbit_otel.settings import Settings

OTHER = SpanContext(1, 2, False, TraceFlags(1))


@contextmanager
def traced(
    exporter: SpanExporter,
    processor: Callable[[SpanExporter], Any] = SimpleSpanProcessor,
    before: bool = True,
    **options: object,
) -> Iterator[TracerProvider]:
    """A provider with this exporter, there before us or added later; at the end of the block everything is exported."""
    provider = TracerProvider(
        resource=Resource({"service.name": "s", "process.command_line": "x --password y"}), shutdown_on_exit=False
    )
    pipeline = Pipeline(EchoRegistry(), Settings.from_options(options))
    if before:
        provider.add_span_processor(processor(exporter))
    pipeline.install_tracing(provider)
    if not before:
        provider.add_span_processor(processor(exporter))
    try:
        yield provider
    finally:
        provider.shutdown()
        pipeline.uninstall()


def end_one(provider: TracerProvider) -> ReadableSpan:
    """A span with content wherever a span has room for it."""
    tracer = provider.get_tracer("theirs", "1", None, {"token": "secret"})
    span = tracer.start_span(
        "GET /a?b=secret",
        Context(),
        attributes={"input.value": "secret", "n": 1},
        links=[Link(OTHER, {"prompt": "secret"})],
    )
    span.add_event("gen_ai.content.prompt", {"gen_ai.prompt": "secret", "n": 2})
    span.record_exception(ValueError("secret"))
    span.set_status(Status(StatusCode.ERROR, "ValueError: secret"))
    span.end()
    assert isinstance(span, ReadableSpan)
    return span


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("processor", [SimpleSpanProcessor, BatchSpanProcessor])
def test_a_span_leaves_by_any_exporter_without_content_and_stays_whole_in_the_process(
    processor: Any, before: bool
) -> None:
    exporter = InMemorySpanExporter()
    with traced(exporter, processor, before) as provider:
        whole = end_one(provider)
    (left,) = exporter.get_finished_spans()
    assert "secret" not in left.to_json()
    assert "secret" not in str([left.instrumentation_scope, left.links, left.events, left.status.description])
    assert left.name == "GET /a"
    assert dict(left.attributes or {}) == {
        "input.value": "[redacted, 6 characters]",
        "n": 1,
        "rvbbit.caller.source": "none",
    }
    prompt, exception = left.events
    assert dict(prompt.attributes or {}) == {"gen_ai.prompt": "[redacted, 6 characters]", "n": 2}
    assert {key: value for key, value in (exception.attributes or {}).items() if key != "exception.stacktrace"} == {
        "exception.type": "ValueError",
        "exception.message": "[redacted, 6 characters]",
        "exception.escaped": "False",
    }
    assert (left.status.status_code, left.status.description) == (StatusCode.ERROR, "[redacted, 18 characters]")
    assert [(link.context, dict(link.attributes or {})) for link in left.links] == [
        (OTHER, {"prompt": "[redacted, 6 characters]"})
    ]
    assert dict(left.resource.attributes) == {"service.name": "s", "process.command_line": "[redacted, 14 characters]"}
    assert left.instrumentation_scope is not None
    assert (left.instrumentation_scope.name, dict(left.instrumentation_scope.attributes or {})) == (
        "theirs",
        {"token": "[redacted, 6 characters]"},
    )
    assert (left.context, left.parent, left.kind) == (whole.context, whole.parent, whole.kind)
    assert (left.start_time, left.end_time) == (whole.start_time, whole.end_time)
    assert (whole.name, (whole.attributes or {})["input.value"]) == ("GET /a?b=secret", "secret")
    assert whole.status.description == "ValueError: secret"


@pytest.mark.parametrize("options", [{"redaction": False}, {"keep_keys": ["*"], "content": "full"}])
def test_switched_off_everything_leaves_as_it_was(options: dict[str, object]) -> None:
    exporter = InMemorySpanExporter()
    with traced(exporter, **options) as provider:
        whole = end_one(provider)
    (left,) = exporter.get_finished_spans()
    assert left.to_json() == whole.to_json()
    assert left.to_json().count("secret") >= 6


def test_with_content_on_content_leaves_and_the_command_line_does_not() -> None:
    exporter = InMemorySpanExporter()
    with traced(exporter, content="full") as provider:
        end_one(provider)
    (left,) = exporter.get_finished_spans()
    assert (left.attributes or {})["input.value"] == "secret"
    assert left.status.description == "ValueError: secret"
    assert left.resource.attributes["process.command_line"] == "[redacted, 14 characters]"


def test_what_has_nothing_to_hide_is_not_copied_and_counts_of_what_was_dropped_stay_true() -> None:
    ended: list[ReadableSpan] = []
    limits = SpanLimits(max_span_attributes=2, max_events=1, max_links=1)
    provider = TracerProvider(span_limits=limits, shutdown_on_exit=False)
    tracer = provider.get_tracer("t")
    redactor = Redactor(Settings(), Counters())
    for attributes in ({"session.id": "s", "n": 1}, {"a": 1, "b": 2, "prompt": "secret"}):
        span = tracer.start_span("s", Context(), attributes=attributes, links=[Link(OTHER), Link(OTHER)])
        if "prompt" in attributes:
            span.add_event("one")
            span.add_event("two")
        span.end()
        ended.append(span)  # type: ignore[arg-type]
    for number in range(2):
        # The same texts, and other objects.
        attributes = {"rvbbit.caller.origin": "".join(["s", "ql"]), "order.state": "".join(["n", "ew"]), "n": number}
        clean = (
            TracerProvider(shutdown_on_exit=False)
            .get_tracer("t")
            .start_span("".join(["G", "ET"]), Context(), attributes=attributes)
        )
        clean.end()
        assert redactor.span(clean) is clean  # type: ignore[arg-type]
    left = redactor.span(ended[1])
    assert dict(left.attributes or {}) == {"b": 2, "prompt": "[redacted, 6 characters]"}
    assert (left.dropped_attributes, left.dropped_events, left.dropped_links) == (1, 1, 1)


class Renamed:
    """A span of an SDK whose private parts have other names: only what is public is there."""

    def __init__(self, whole: ReadableSpan) -> None:
        for name in (
            "name",
            "status",
            "resource",
            "instrumentation_scope",
            "events",
            "links",
            "kind",
            "parent",
            "context",
        ):
            setattr(self, name, getattr(whole, name))
        self.attributes: Mapping[str, Any] = dict(whole.attributes or {})
        self.start_time, self.end_time = whole.start_time, whole.end_time
        self.dropped_events = self.dropped_links = 0
        self.get_span_context = lambda: whole.context


def test_a_span_whose_private_parts_are_named_otherwise_is_redacted_all_the_same() -> None:
    whole = end_one(TracerProvider(shutdown_on_exit=False))
    counters = Counters()
    left = Redactor(Settings(), counters).span(Renamed(whole))  # type: ignore[arg-type]
    assert "secret" not in left.to_json()
    assert ((left.attributes or {})["n"], len(left.events), counters.snapshot()) == (1, 2, {})


def test_a_span_that_is_none_leaves_with_its_ids_and_times_only() -> None:
    whole = end_one(TracerProvider(shutdown_on_exit=False))
    broken = Renamed(whole)
    broken.attributes["session.id"] = "s-1"  # type: ignore[index]
    broken.events = ["secret"]  # type: ignore[attr-defined]
    counters = Counters()
    left = Redactor(Settings(), counters).span(broken)  # type: ignore[arg-type]
    assert "secret" not in left.to_json()
    assert (left.name, dict(left.attributes or {}), left.context) == (
        "[redacted]",
        {"session.id": "s-1"},
        whole.context,
    )
    assert counters.snapshot() == {"errors.redaction.span": 1}


def test_a_processor_whose_exporter_can_not_be_found_is_an_error_that_says_so(caplog: pytest.LogCaptureFixture) -> None:
    class Elsewhere(SimpleSpanProcessor):
        def __init__(self, exporter: SpanExporter) -> None:
            self.hidden = exporter

        def shutdown(self) -> None:
            pass

    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(Elsewhere(InMemorySpanExporter()))
    found = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(found))
    pipeline = Pipeline(EchoRegistry(), Settings())
    pipeline.install_tracing(provider)
    assert pipeline.counters.snapshot() == {"errors.pipeline.exporters": 1}
    assert "where Elsewhere keeps its exporter: what it sends is not redacted" in caplog.text
    # It costs its neighbour nothing.
    assert isinstance(provider._active_span_processor._span_processors[1].span_exporter, RepairingSpanExporter)  # type: ignore[attr-defined]


def test_the_same_goes_for_log_records(caplog: pytest.LogCaptureFixture) -> None:
    class Elsewhere(SimpleLogRecordProcessor):
        def __init__(self, exporter: LogRecordExporter) -> None:
            self.hidden = exporter

    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(Elsewhere(InMemoryLogRecordExporter()))
    pipeline = Pipeline(EchoRegistry(), Settings())
    pipeline.install_logging(provider)
    assert pipeline.counters.snapshot() == {"errors.pipeline.log_exporters": 1}
    assert "where Elsewhere keeps its exporter: what it sends is not redacted" in caplog.text


class Kept(LogRecordExporter):
    """Keeps what it is given, and fails when told so."""

    def __init__(self) -> None:
        self.batches: list[Sequence[ReadableLogRecord]] = []

    def export(self, batch: Sequence[ReadableLogRecord]) -> Any:
        self.batches.append(batch)

    def shutdown(self) -> None:
        pass

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return True


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("processor", [SimpleLogRecordProcessor, BatchLogRecordProcessor])
def test_a_log_record_leaves_by_any_exporter_without_its_body(processor: Any, before: bool) -> None:
    exporter = InMemoryLogRecordExporter()
    provider = LoggerProvider(resource=Resource({"process.command_line": "x --password y"}), shutdown_on_exit=False)
    pipeline = Pipeline(EchoRegistry(), Settings())
    if before:
        provider.add_log_record_processor(processor(exporter))
    pipeline.install_logging(provider)
    if not before:
        provider.add_log_record_processor(processor(exporter))
    attributes = {"code.function.name": "f", "exception.message": "secret", "n": 1}
    provider.get_logger("theirs", attributes={"token": "secret"}).emit(
        body="a secret", context=Context(), attributes=attributes, event_name="GET /?secret", severity_text="ERROR"
    )
    provider.get_logger("theirs").emit(body={"content": "secret"}, context=Context(), exception=ValueError("secret"))
    provider.shutdown()
    first, second = exporter.get_finished_logs()
    assert "secret" not in first.to_json() + second.to_json()
    assert "secret" not in str([first.instrumentation_scope, second.log_record.exception])
    record = first.log_record
    assert (record.body, record.event_name, record.severity_text) == ("[redacted, 8 characters]", "GET /", "ERROR")
    assert dict(record.attributes or {}) == {
        "code.function.name": "f",
        "exception.message": "[redacted, 6 characters]",
        "n": 1,
        "rvbbit.caller.source": "none",
    }
    assert first.resource.attributes["process.command_line"] == "[redacted, 14 characters]"
    assert second.log_record.body == "[redacted]"
    assert pipeline.counters.snapshot() == {"log_records.none": 2}


def test_uninstalled_log_records_leave_as_they_are() -> None:
    exporter = Kept()
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    pipeline = Pipeline(EchoRegistry(), Settings())
    pipeline.install_logging(provider)
    pipeline.uninstall()
    provider.get_logger("theirs").emit(body="a secret", context=Context())
    assert exporter.batches[0][0].log_record.body == "a secret"


def test_a_log_record_that_can_not_be_looked_at_is_left_out_and_counted() -> None:
    from rvbbit_otel.redaction.logs import RedactingLogExporter

    inner, counters = Kept(), Counters()
    exporter = RedactingLogExporter(inner, Redactor(Settings(), counters), counters)
    good = LoggerProvider(shutdown_on_exit=False)
    good.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    good.get_logger("g").emit(body="good", context=Context())
    exporter.export(["secret"])  # type: ignore[list-item]
    exporter.export([])
    assert [[record.log_record.body for record in batch] for batch in inner.batches] == [
        ["[redacted, 4 characters]"],
        [],
    ]
    assert counters.snapshot() == {"errors.redaction.log_record": 1, "dropped.not_redactable": 1}


def test_a_callers_span_is_named_after_its_origin_only_where_that_leaves() -> None:
    exporter = InMemorySpanExporter()
    with traced(exporter) as provider:
        for origin in ("sql", "Jane Doe"):
            attributes = {"rvbbit.caller.origin": origin, "rvbbit.caller.id": "c"}
            provider.get_tracer("t").start_span(f"caller {origin}", Context(), attributes=attributes).end()
    assert [span.name for span in exporter.get_finished_spans()] == ["caller sql", "caller [redacted, 8 characters]"]
