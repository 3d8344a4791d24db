"""No batch is lost for its size: a real gRPC server with the limit that servers have, a real HTTP one, and the exporters as they are."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as ByGrpc
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as ByHttp
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import SpanContext

from rvbbit_otel.attribution.registry import EchoRegistry
from rvbbit_otel.counters import Counters
from rvbbit_otel.sdk import otlp_encoder
from rvbbit_otel.sdk.batch_splitting import MOST_BYTES, in_parts
from rvbbit_otel.sdk.exporter import RepairingSpanExporter
from rvbbit_otel.sdk.install import Pipeline
from rvbbit_otel.sdk.otlp_encoder import encoded
from rvbbit_otel.settings import Settings

# 512 of them are the SDK's batch, of 8.5 MB.
PROMPT = "x" * 16_384
_SERVER_LIMIT = 4 * 1024 * 1024


class Received:
    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    def take(self, body: bytes) -> bytes:
        self.bodies.append(body)
        return ExportTraceServiceResponse().SerializeToString()

    @property
    def numbers(self) -> list[int]:
        requests = [ExportTraceServiceRequest.FromString(body) for body in self.bodies]
        spans = [
            span
            for request in requests
            for each in request.resource_spans
            for scope in each.scope_spans
            for span in scope.spans
        ]
        return [span.attributes[0].value.int_value for span in spans]


@contextmanager
def grpc_server() -> Iterator[tuple[Received, SpanExporter]]:
    received = Received()
    server = grpc.server(ThreadPoolExecutor(2))
    export = grpc.unary_unary_rpc_method_handler(lambda body, _: received.take(body))
    service = "opentelemetry.proto.collector.trace.v1.TraceService"
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {"Export": export}),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield received, ByGrpc(endpoint=f"127.0.0.1:{port}", insecure=True)
    finally:
        server.stop(0).wait()


@contextmanager
def http_server() -> Iterator[tuple[Received, SpanExporter]]:
    received = Received()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            body = self.rfile.read(length)
            self.send_response(200 if length <= _SERVER_LIMIT else 413)
            self.end_headers()
            if length <= _SERVER_LIMIT:
                self.wfile.write(received.take(body))

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield received, ByHttp(endpoint=f"http://127.0.0.1:{server.server_port}/v1/traces")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


SERVERS = pytest.mark.parametrize("server", [grpc_server, http_server])


@contextmanager
def instrumented(exporter: SpanExporter) -> Iterator[tuple[TracerProvider, Counters]]:
    """A provider with us in it; at the end of the block everything is exported."""
    provider = TracerProvider(shutdown_on_exit=False)
    pipeline = Pipeline(EchoRegistry(), Settings(content="full"))
    pipeline.install_tracing(provider)
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=60_000))
    try:
        yield provider, pipeline.counters
    finally:
        provider.shutdown()
        pipeline.uninstall()


def end_spans(provider: TracerProvider, count: int) -> None:
    tracer = provider.get_tracer("t")
    for number in range(count):
        tracer.start_span("s", attributes={"n": number, "rvbbit.log.content": PROMPT}).end()


@SERVERS
def test_a_batch_of_prompts_arrives_whole(server: Any) -> None:
    with server() as (received, exporter), instrumented(exporter) as (provider, counters):
        end_spans(provider, 512)
    assert received.numbers == list(range(512))
    assert [len(body) > MOST_BYTES for body in received.bodies] == [False] * 4
    assert counters.snapshot() == {"stamped.none": 512, "split.too_large": 3}


@SERVERS
def test_without_us_it_is_lost(server: Any, caplog: pytest.LogCaptureFixture) -> None:
    with server() as (received, exporter):
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=60_000))
        end_spans(provider, 512)
        provider.shutdown()
    assert received.numbers == []
    assert "Failed to export" in caplog.text


def test_a_span_too_large_for_anybody_costs_none_of_its_neighbours() -> None:
    with grpc_server() as (received, exporter), instrumented(exporter) as (provider, counters):
        tracer = provider.get_tracer("t")
        for number in range(8):
            content = "x" * (5_000_000 if number == 3 else 1)
            tracer.start_span("s", attributes={"n": number, "rvbbit.log.content": content}).end()
    assert received.numbers == [0, 1, 2, 4, 5, 6, 7]
    assert counters.snapshot() == {"stamped.none": 8, "split.too_large": 3, "dropped.export_failed": 1}


def of_length(number: int, length: int) -> ReadableSpan:
    return ReadableSpan(
        "s", SpanContext(1, number + 1, False), attributes={"c": "é" * length}, start_time=1, end_time=2
    )


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from([0, 100_000, 900_000, 1_500_000, 2_500_000]), min_size=1, max_size=9))
def test_parts_are_the_batch_in_its_order_and_none_is_too_large(lengths: list[int]) -> None:
    spans = [of_length(number, length) for number, length in enumerate(lengths)]
    parts = list(in_parts(spans, Counters()))
    # One that is too large by itself goes last.
    in_order = sorted(spans, key=lambda span: len(encoded([span])) > MOST_BYTES)
    assert [span for part in parts for span in part] == in_order
    assert all(len(part) == 1 or len(encoded(part)) <= MOST_BYTES for part in parts)


def test_a_part_for_which_the_exporter_raises_costs_none_of_the_others() -> None:
    exported: list[ReadableSpan] = []

    class Raising(SpanExporter):
        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            if not exported:
                exported.extend(spans)
                raise OSError("the host's own")
            exported.extend(spans)
            return SpanExportResult.SUCCESS

    repairing = RepairingSpanExporter(Raising(), EchoRegistry(), counters := Counters())
    repairing.parts = lambda spans: (spans[:2], spans[2:])
    spans = [of_length(number, 0) for number in range(5)]
    with pytest.raises(OSError, match="the host's own"):
        repairing.export(spans)
    assert exported == spans
    assert counters.snapshot() == {"dropped.export_failed": 2}


def test_a_failure_is_told_to_whoever_exports() -> None:
    with grpc_server() as (_, exporter):
        assert exporter.export([of_length(0, 3_000_000)]) is SpanExportResult.FAILURE


@SERVERS
@pytest.mark.parametrize("shortcut", [True, False], ids=["our encoder", "theirs, after ours has failed"])
def test_spans_beside_one_with_half_a_character_all_arrive(
    server: Any, shortcut: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not shortcut:
        monkeypatch.setattr(otlp_encoder, "as_request", lambda _: 1 / 0)
    with server() as (received, exporter), instrumented(exporter) as (provider, counters):
        tracer = provider.get_tracer("t")
        for number in range(9):
            with tracer.start_as_current_span("caf\udce9" if number == 4 else "s", attributes={"n": number}) as span:
                if number == 5:
                    span.record_exception(ValueError("half \ud83e"))
    assert received.numbers == list(range(9))
    assert counters.snapshot() == {"stamped.none": 9, **({} if shortcut else {"errors.encoder": 1})}


def test_one_span_that_can_not_be_encoded_at_all_costs_none_of_its_neighbours() -> None:
    spans = [of_length(number, 1) for number in range(3)]
    spans[1]._start_time = -1
    (part,) = in_parts(spans, counters := Counters())
    assert part == spans
    assert counters.snapshot() == {"errors.encoder.span": 1, "dropped.not_encodable": 1}


def test_values_deeper_than_a_receiver_reads_are_cut_where_they_are_too_deep() -> None:
    value: Any = "deep"
    for _ in range(60):
        value = {"inner": value}
    (part,) = in_parts(
        [ReadableSpan("s", SpanContext(1, 2, False), attributes={"v": value, "n": 1}, start_time=1, end_time=2)],
        counters := Counters(),
    )
    assert len(part) == 1
    assert encoded(part).count(b"inner") == 30
    assert counters.snapshot() == {}
