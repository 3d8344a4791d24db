"""The quick encoder makes the same request as the exporters' own, of any spans."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans as theirs
from opentelemetry.exporter.otlp.proto.grpc import trace_exporter as by_grpc
from opentelemetry.exporter.otlp.proto.http import trace_exporter as by_http
from opentelemetry.proto.resource.v1.resource_pb2 import Resource as Resource_
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState
from tests.support.otlp import key_value

from rvbbit_otel.attribution.registry import EchoRegistry
from rvbbit_otel.clean_text import clean_text
from rvbbit_otel.sdk import otlp_encoder
from rvbbit_otel.sdk.clean_spans import cleaned_span
from rvbbit_otel.sdk.install import Pipeline
from rvbbit_otel.sdk.otlp_encoder import encode_spans
from rvbbit_otel.settings import Settings

# Few texts and numbers, so that the same ones come again, and 1, 1.0 and True meet.
TEXTS = st.one_of(st.sampled_from(["", "a", "é", "x" * 127, "x" * 128, "y" * 129, "z" * 20_000]), st.text(max_size=5))
SCALARS = st.one_of(
    TEXTS,
    st.sampled_from([0, 1, 1.0, True, False, -1, 2**63 - 1, -(2**63), 0.0, -0.0, float("inf"), float("nan")]),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
)
# Nested, and no text: what the SDK would have cleaned away and what a processor of somebody else's may still put there.
ODD = st.sampled_from([None, b"\x00\xff", ["a", 1], (1.5, 2.5), {"k": [None]}])
KEYS = st.sampled_from(["session.id", "rvbbit.caller.id", "n", "é" * 100])
ATTRIBUTES = st.dictionaries(KEYS, st.one_of(SCALARS, ODD))
# What the exporters' encoder fails on: halves of characters (category Cs), numbers over 64 bits, objects.
BROKEN = st.one_of(
    st.sampled_from(["\ud83e", "a\udce9b", "\ud83e\udd8a"]), st.text(st.characters(categories=["Cs"]), max_size=3)
)
UNFIT = st.dictionaries(
    st.one_of(KEYS, BROKEN.filter(bool)),
    st.recursive(
        st.one_of(SCALARS, BROKEN, st.sampled_from([2**63, -(2**70), object()])),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(st.one_of(KEYS, BROKEN), inner, max_size=3)
        ),
        max_leaves=6,
    ),
)
CONTEXTS = st.builds(
    SpanContext,
    trace_id=st.integers(1, 2**128 - 1),
    span_id=st.integers(1, 2**64 - 1),
    is_remote=st.booleans(),
    trace_flags=st.just(TraceFlags(1)),
    trace_state=st.sampled_from([TraceState(), TraceState([("a", "1"), ("b", "2")])]),
)
RESOURCES = st.sampled_from(
    [Resource({"service.name": "a"}), Resource({"service.name": "a"}), Resource({"n": 1}, "https://example.org/schema")]
)
SCOPES = st.sampled_from(
    [
        None,
        InstrumentationScope("s", "1"),
        InstrumentationScope("s", "1"),
        InstrumentationScope("t", None, "https://example.org/schema", {"k": "v"}),
    ]
)
TIMES = st.one_of(st.integers(0, 2**64 - 1), st.none())


def spans(attributes: st.SearchStrategy[Any], texts: st.SearchStrategy[str] = TEXTS) -> st.SearchStrategy[ReadableSpan]:
    events = st.builds(Event, name=texts, attributes=attributes, timestamp=st.integers(0, 2**63))
    failed = st.builds(Status, st.just(StatusCode.ERROR), texts)
    return st.builds(
        ReadableSpan,
        name=texts,
        context=CONTEXTS,
        parent=st.one_of(st.none(), CONTEXTS),
        resource=RESOURCES,
        attributes=attributes,
        events=st.lists(events, max_size=2),
        links=st.lists(st.builds(Link, CONTEXTS, attributes), max_size=2),
        kind=st.sampled_from(SpanKind),
        status=st.one_of(st.sampled_from([Status(), Status(StatusCode.OK), Status(StatusCode.ERROR)]), failed),
        start_time=TIMES,
        end_time=TIMES,
        instrumentation_scope=st.one_of(SCOPES, st.builds(InstrumentationScope, texts)),
    )


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)  # The exporters log each attribute that they can't encode.


@given(st.lists(spans(ATTRIBUTES), max_size=6))
def test_any_spans_make_the_request_that_the_exporters_make(spans: list[ReadableSpan]) -> None:
    assert encode_spans(spans).SerializeToString(deterministic=True) == theirs(spans).SerializeToString(
        deterministic=True
    )


@given(st.lists(spans(UNFIT, st.one_of(TEXTS, BROKEN)), max_size=4))
def test_what_the_exporters_can_not_encode_is_made_fit_for_them_and_then_all_of_it_is_sent(
    spans: list[ReadableSpan],
) -> None:
    made = encode_spans(spans)
    assert made.SerializeToString(deterministic=True) == theirs(
        [cleaned_span(span) for span in spans]
    ).SerializeToString(deterministic=True)
    sent = [span for group in made.resource_spans for scope in group.scope_spans for span in scope.spans]
    assert sum(len(span.attributes) for span in sent) == sum(
        len({*map(clean_text, span.attributes or ())}) for span in spans
    )


@pytest.mark.parametrize(
    ("text", "sent"),
    [("caf\udce9.txt", "caf\ufffd.txt"), ("\ud83e", "\ufffd"), ("a\ud83e\udd8ab", "a🦊b"), ("é\x00", "é\x00")],
)
def test_half_a_character_costs_itself_and_two_halves_are_one(text: str, sent: str) -> None:
    span = ReadableSpan(
        text,
        SpanContext(1, 2, is_remote=False),
        attributes={"flat": text, text: "key", "listed": [text, {"in": text}]},
        events=[Event("exception", {"exception.message": text})],
        links=[Link(SpanContext(3, 4, is_remote=False), {"linked": text})],
        status=Status(StatusCode.ERROR, text),
        start_time=1,
        end_time=2,
        resource=Resource({"process.command_args": [text]}),
        instrumentation_scope=InstrumentationScope(text),
    )
    (group,) = encode_spans([span]).resource_spans
    (made,) = group.scope_spans[0].spans
    assert MessageToDict(group)["scopeSpans"][0]["scope"] == {"name": sent}
    assert group.resource == Resource_(attributes=[key_value("process.command_args", [sent])])
    assert (made.name, made.status.message) == (sent, sent)
    assert list(made.attributes) == [
        key_value("flat", sent),
        key_value(sent, "key"),
        key_value("listed", [sent, {"in": sent}]),
    ]
    assert list(made.events[0].attributes) == [key_value("exception.message", sent)]
    assert list(made.links[0].attributes) == [key_value("linked", sent)]


def test_what_the_sdk_dropped_is_told() -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(
        span_limits=SpanLimits(max_span_attributes=2, max_events=1, max_links=1), shutdown_on_exit=False
    )
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    link = Link(SpanContext(1, 2, is_remote=False))
    with provider.get_tracer("t").start_as_current_span(
        "s", attributes={str(n): n for n in range(300)}, links=[link, link]
    ) as span:
        span.add_event("first")
        span.add_event("second")
        span.add_event("third")
    (ended,) = exporter.get_finished_spans()
    assert (ended.dropped_attributes, ended.dropped_events, ended.dropped_links) == (298, 2, 1)
    assert encode_spans([ended]) == theirs([ended])


def test_what_is_kept_is_bounded_however_many_values_come() -> None:
    context = SpanContext(1, 2, is_remote=False)
    spans = [
        ReadableSpan("s", context, attributes={"session.id": f"s-{n}", "long": "x" * 129}, start_time=1, end_time=2)
        for n in range(10_000)
    ]
    assert encode_spans(spans) == theirs(spans)
    assert len(otlp_encoder._kept) <= 4096
    assert all(len(value) <= 128 for _, value, kind in otlp_encoder._kept if kind is str)


class Nowhere:
    """Stands in for the exporters' connections, and keeps what was sent."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def Export(self, request: Any, metadata: object = None, timeout: float | None = None) -> None:  # noqa: N802
        self.sent.append(request.SerializeToString())


def span_of(provider: TracerProvider) -> ReadableSpan:
    span = provider.get_tracer("t").start_span("s", attributes={"n": 1})
    span.end()
    assert isinstance(span, ReadableSpan)
    return span


@pytest.mark.parametrize("module", [by_grpc, by_http])
def test_exporters_encode_by_it_as_long_as_we_are_installed(module: Any) -> None:
    before = module.encode_spans
    provider = TracerProvider(shutdown_on_exit=False)
    pipeline = Pipeline(EchoRegistry(), Settings())
    pipeline.install_tracing(provider)
    provider.add_span_processor(BatchSpanProcessor(module.OTLPSpanExporter(endpoint="http://127.0.0.1:1")))
    provider.add_span_processor(SimpleSpanProcessor(module.OTLPSpanExporter(endpoint="http://127.0.0.1:1")))
    try:
        assert module.encode_spans.stands_in_for is before is theirs
    finally:
        pipeline.uninstall()
    assert module.encode_spans is theirs


def test_an_exporter_sends_what_ours_made_and_never_asks_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    def unasked(spans: Sequence[ReadableSpan]) -> Any:
        raise AssertionError("theirs was asked")

    monkeypatch.setattr(by_grpc, "encode_spans", unasked)
    exporter = by_grpc.OTLPSpanExporter(endpoint="127.0.0.1:1", insecure=True)
    nowhere = exporter._client = Nowhere()  # type: ignore[assignment]
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    pipeline = Pipeline(EchoRegistry(), Settings())
    pipeline.install_tracing(provider)
    try:
        span = span_of(provider)
    finally:
        pipeline.uninstall()
    assert nowhere.sent == [theirs([span]).SerializeToString()]
    assert pipeline.counters.snapshot() == {"stamped.none": 1}


def test_a_batch_that_ours_fails_on_is_counted_and_sent_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(spans: Sequence[ReadableSpan]) -> Any:
        raise RuntimeError("ours")

    monkeypatch.setattr(otlp_encoder, "encoded", broken)
    exporter = by_grpc.OTLPSpanExporter(endpoint="127.0.0.1:1", insecure=True)
    nowhere = exporter._client = Nowhere()  # type: ignore[assignment]
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    pipeline = Pipeline(EchoRegistry(), Settings())
    pipeline.install_tracing(provider)
    try:
        span = span_of(provider)
    finally:
        pipeline.uninstall()
    assert nowhere.sent == [theirs([span]).SerializeToString()]
    assert pipeline.counters.snapshot() == {"stamped.none": 1, "errors.encoder": 1}


def test_other_exporters_are_left_alone() -> None:
    class Own(SpanExporter):
        pass

    pipeline = Pipeline(EchoRegistry(), Settings())
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(Own()))
    pipeline.install_tracing(provider)
    pipeline.uninstall()
    assert (by_grpc.encode_spans, by_http.encode_spans, pipeline.counters.snapshot()) == (theirs, theirs, {})
