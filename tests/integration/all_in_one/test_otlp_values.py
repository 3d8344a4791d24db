"""Any legal value arrives whole, and is the same text by gRPC, by HTTP as protobuf and by HTTP as JSON."""

from __future__ import annotations

import base64
import itertools
import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any

import grpc
import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from tests.support.all_in_one import AllInOne, running_all_in_one
from tests.support.otlp import NOW
from tests.support.otlp_values import TEXTS, VALUES, any_value, stored_text

from rvbbit_otel.storage.client import ClickHouseDatabase

Attributes = Mapping[str, Any]
SERVICE = "/opentelemetry.proto.collector.{}/Export"
ATTRIBUTES = st.dictionaries(TEXTS, VALUES, max_size=4)
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AllInOne]:
    with running_all_in_one(tmp_path_factory.mktemp("values") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def database(server: AllInOne) -> Iterator[ClickHouseDatabase]:
    database = ClickHouseDatabase(server.clickhouse)
    yield database
    database.close()


@pytest.fixture(scope="module")
def channel(server: AllInOne) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(server.otlp_grpc) as channel:
        yield channel


def post(server: AllInOne, path: str, body: bytes, content_type: str) -> tuple[int, bytes]:
    request = urllib.request.Request(server.otlp_http + path, body, {"Content-Type": content_type})
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def as_json(request: Any) -> bytes:
    def with_hex(value: Any) -> Any:
        if isinstance(value, list):
            return [with_hex(item) for item in value]
        if isinstance(value, dict):
            return {
                key: base64.b64decode(item).hex() if key in ("traceId", "spanId") else with_hex(item)
                for key, item in value.items()
            }
        return value

    return json.dumps(with_hex(MessageToDict(request))).encode()


def send_by_each(server: AllInOne, channel: grpc.Channel, signal: str, requests: list[Any]) -> None:
    """The first by gRPC, the second by HTTP as protobuf, the third by HTTP as JSON; nothing is said about any."""
    service, path = {
        "traces": ("trace.v1.TraceService", "/v1/traces"),
        "logs": ("logs.v1.LogsService", "/v1/logs"),
    }[signal]
    assert channel.unary_unary(SERVICE.format(service))(requests[0].SerializeToString(), timeout=30) == b""
    assert post(server, path, requests[1].SerializeToString(), "application/x-protobuf") == (200, b"")
    assert post(server, path, as_json(requests[2]), "application/json") == (200, b"{}")


def fill(attributes: Any, values: Attributes) -> None:
    for key, value in values.items():
        attributes.add(key=key).value.CopyFrom(any_value(value))


def texts(values: Attributes) -> dict[str, str]:
    return {key: stored_text(value) for key, value in values.items()}


@settings(max_examples=40)
@given(st.tuples(ATTRIBUTES, ATTRIBUTES, ATTRIBUTES, ATTRIBUTES), TEXTS)
def test_any_values_of_a_span_arrive_equal_by_each_way(
    server: AllInOne,
    database: ClickHouseDatabase,
    channel: grpc.Channel,
    values: tuple[Attributes, Attributes, Attributes, Attributes],
    text: str,
) -> None:
    resource, own, event, link = values
    numbers = [next(_numbers) for _ in range(3)]
    requests = []
    for number in numbers:
        request = ExportTraceServiceRequest()
        group = request.resource_spans.add()
        fill(group.resource.attributes, resource)
        scope = group.scope_spans.add()
        scope.scope.name, scope.scope.version = text, text
        span = scope.spans.add(
            trace_id=number.to_bytes(16, "big"), span_id=number.to_bytes(8, "big"), name=text, trace_state=text
        )
        span.start_time_unix_nano = span.end_time_unix_nano = NOW
        span.status.message = text
        fill(span.attributes, own)
        fill(span.events.add(name=text).attributes, event)
        fill(span.links.add(trace_state=text).attributes, link)
        requests.append(request)
    send_by_each(server, channel, "traces", requests)
    rows = database.query(
        "SELECT SpanName, TraceState, StatusMessage, ScopeName, ScopeVersion, Events.Name[1], Links.TraceState[1], ResourceAttributes, "
        "SpanAttributes, Events.Attributes[1], Links.Attributes[1] FROM otel_traces WHERE has({ids:Array(String)}, SpanId) ORDER BY SpanId",
        {"ids": [f"{number:016x}" for number in numbers]},
    ).rows
    assert rows == [(*[text] * 7, texts(resource), texts(own), texts(event), texts(link))] * 3


@settings(max_examples=30)
@given(ATTRIBUTES, ATTRIBUTES, ATTRIBUTES, VALUES)
def test_any_values_of_a_log_record_arrive_equal_by_each_way(
    server: AllInOne,
    database: ClickHouseDatabase,
    channel: grpc.Channel,
    resource: Attributes,
    scope: Attributes,
    own: Attributes,
    body: Any,
) -> None:
    numbers = [next(_numbers) for _ in range(3)]
    requests = []
    for number in numbers:
        request = ExportLogsServiceRequest()
        group = request.resource_logs.add()
        fill(group.resource.attributes, resource)
        inner = group.scope_logs.add()
        fill(inner.scope.attributes, scope)
        record = inner.log_records.add(time_unix_nano=NOW, span_id=number.to_bytes(8, "big"))
        record.body.CopyFrom(any_value(body))
        fill(record.attributes, own)
        requests.append(request)
    send_by_each(server, channel, "logs", requests)
    rows = database.query(
        "SELECT Body, ResourceAttributes, ScopeAttributes, LogAttributes FROM otel_logs WHERE has({ids:Array(String)}, SpanId)",
        {"ids": [f"{number:016x}" for number in numbers]},
    ).rows
    assert rows == [(stored_text(body), texts(resource), texts(scope), texts(own))] * 3


def test_messages_of_a_generative_model_arrive_as_they_were_sent(
    server: AllInOne, database: ClickHouseDatabase, channel: grpc.Channel
) -> None:
    messages = [{"role": "user", "parts": [{"type": "text", "content": "What <b>is</b> this?\u2028🦊"}]}]
    number = next(_numbers)
    request = ExportTraceServiceRequest()
    span = (
        request.resource_spans.add()
        .scope_spans.add()
        .spans.add(trace_id=number.to_bytes(16, "big"), span_id=number.to_bytes(8, "big"))
    )
    span.start_time_unix_nano = NOW
    fill(span.attributes, {"gen_ai.input.messages": messages})
    assert channel.unary_unary(SERVICE.format("trace.v1.TraceService"))(request.SerializeToString()) == b""
    stored = database.query(
        "SELECT SpanAttributes['gen_ai.input.messages'] FROM otel_traces WHERE SpanId = {id:String}",
        {"id": f"{number:016x}"},
    ).rows[0][0]
    assert stored == '[{"parts":[{"content":"What <b>is</b> this?\\u2028🦊","type":"text"}],"role":"user"}]'
    assert json.loads(str(stored)) == messages


def trace_request(number: int, **changes: Any) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    good = {"trace_id": number.to_bytes(16, "big"), "span_id": number.to_bytes(8, "big"), "start_time_unix_nano": NOW}
    spans.add(**good)
    spans.add(**{**good, **changes})
    return request


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"trace_id": b""}, "without a valid trace id (16 bytes, not all zero)"),
        ({"trace_id": bytes(16)}, "without a valid trace id (16 bytes, not all zero)"),
        ({"trace_id": b"\x01" * 17}, "without a valid trace id (16 bytes, not all zero)"),
        ({"span_id": bytes(8)}, "without a valid span id (8 bytes, not all zero)"),
        ({"span_id": b"\x01" * 4}, "without a valid span id (8 bytes, not all zero)"),
        ({"start_time_unix_nano": 0}, "without a valid time (at most 90 days ago and a day ahead)"),
        ({"start_time_unix_nano": 2**64 - 1}, "without a valid time (at most 90 days ago and a day ahead)"),
        (
            {"start_time_unix_nano": NOW + 2 * 86_400 * 10**9},
            "without a valid time (at most 90 days ago and a day ahead)",
        ),
    ],
)
def test_a_span_that_is_left_out_is_told_with_its_reason_as_the_store_counts_it(
    server: AllInOne, database: ClickHouseDatabase, channel: grpc.Channel, changes: dict[str, Any], reason: str
) -> None:
    before = database.query("SELECT sum(count) FROM rejected_spans WHERE signal = 'traces'").rows[0][0]
    answer = channel.unary_unary(SERVICE.format("trace.v1.TraceService"))(
        trace_request(next(_numbers), **changes).SerializeToString()
    )
    told = ExportTraceServiceResponse.FromString(answer).partial_success
    assert (told.rejected_spans, told.error_message) == (1, f"spans left out: 1 {reason}; the rest is stored")
    after = database.query("SELECT sum(count) FROM rejected_spans WHERE signal = 'traces'").rows[0][0]
    assert int(str(after)) - int(str(before)) == 1


def test_log_records_that_are_left_out_are_told_by_reason_and_counted(
    server: AllInOne, database: ClickHouseDatabase, channel: grpc.Channel
) -> None:
    request = ExportLogsServiceRequest()
    records = request.resource_logs.add().scope_logs.add().log_records
    number = next(_numbers)
    records.add(time_unix_nano=NOW, span_id=number.to_bytes(8, "big"))
    records.add(observed_time_unix_nano=NOW, trace_id=bytes(16), span_id=number.to_bytes(8, "big"), event_name="e")
    records.add(time_unix_nano=NOW, trace_id=b"\x01")
    records.add(time_unix_nano=NOW, span_id=b"\x01" * 9)
    records.add()
    records.add(time_unix_nano=5, observed_time_unix_nano=NOW)
    status, answer = post(server, "/v1/logs", as_json(request), "application/json")
    said = (
        "log records left out: 1 without a valid span id (8 bytes, not all zero), "
        "2 without a valid time (at most 90 days ago and a day ahead), 1 without a valid trace id (16 bytes, not all zero); the rest is stored"
    )
    assert (status, json.loads(answer)) == (200, {"partialSuccess": {"rejectedLogRecords": "4", "errorMessage": said}})
    answer = channel.unary_unary(SERVICE.format("logs.v1.LogsService"))(request.SerializeToString())
    told = ExportLogsServiceResponse.FromString(answer).partial_success
    assert (told.rejected_log_records, told.error_message) == (4, said)
    stored = database.query("SELECT count() FROM otel_logs WHERE SpanId = {id:String}", {"id": f"{number:016x}"}).rows
    assert stored == [(2,)]
    with urllib.request.urlopen(server.otlp_http + "/metrics", timeout=30) as response:
        shown = response.read().decode()
    assert 'rvbbit_otel_left_out_total{label="logs_time"} 4\n' in shown
    assert 'rvbbit_otel_left_out_total{label="logs_trace_id"} 2\n' in shown


def test_texts_that_are_no_utf_8_cost_themselves_and_their_sender_hears_of_it(
    server: AllInOne, database: ClickHouseDatabase, channel: grpc.Channel
) -> None:
    number = next(_numbers)
    request = trace_request(number)
    request.resource_spans[0].scope_spans[0].spans[0].name = "XXXX"
    fill(request.resource_spans[0].scope_spans[0].spans[0].attributes, {"listed": ["XXXX", {"XXXX": 1}], "good": "é"})
    body = request.SerializeToString().replace(b"XXXX", b"a\xed\xa0\xbe")
    answer = channel.unary_unary(SERVICE.format("trace.v1.TraceService"))(body)
    told = ExportTraceServiceResponse.FromString(answer).partial_success
    assert (told.rejected_spans, told.error_message) == (0, "3 texts that are no UTF-8 have replacement characters")
    query = "SELECT SpanName, SpanAttributes FROM otel_traces WHERE SpanId = {id:String}"
    row = ("a\ufffd", {"listed": '["a\ufffd",{"a\ufffd":1}]', "good": "é"})
    assert database.query(query, {"id": f"{number:016x}"}).rows == [row]
    half = {"timeUnixNano": str(NOW), "body": {"stringValue": "\ud83e"}}
    document = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [half]}]}]})
    status, said = post(server, "/v1/logs", document.encode(), "application/json")
    assert (status, json.loads(said)["partialSuccess"]) == (
        200,
        {"errorMessage": "1 texts that are no UTF-8 have replacement characters"},
    )
    assert database.query("SELECT count() FROM otel_logs WHERE Body = '\ufffd'").rows == [(1,)]
