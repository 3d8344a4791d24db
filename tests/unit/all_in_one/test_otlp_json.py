"""OTLP's JSON stands for the same request as its protobuf."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.support.otlp import NOW, logs, row, traces
from tests.support.otlp_values import TEXTS, VALUES, any_value

from rvbbit_otel.all_in_one.http.bodies import BodyTooLargeError
from rvbbit_otel.all_in_one.otlp import json_encoding
from rvbbit_otel.all_in_one.otlp.json_encoding import to_protobuf
from rvbbit_otel.all_in_one.otlp.requests import UnreadableBodyError, prepare

IDS = ("traceId", "spanId", "parentSpanId")


def as_json(request: Any) -> dict[str, Any]:
    """As senders write it: ids in hex."""
    document: dict[str, Any] = MessageToDict(request)

    def with_hex(value: Any) -> Any:
        if isinstance(value, list):
            return [with_hex(item) for item in value]
        if isinstance(value, dict):
            return {key: base64.b64decode(item).hex() if key in IDS else with_hex(item) for key, item in value.items()}
        return value

    changed: dict[str, Any] = with_hex(document)
    return changed


def spans(document: str) -> Any:
    return ExportTraceServiceRequest.FromString(to_protobuf("traces", document.encode()))


def one_value(value: str) -> Any:
    """The value that a span's attribute gets from this JSON."""
    request = spans('{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":[{"key":"k","value":%s}]}]}]}]}' % value)  # noqa: UP031
    return request.resource_spans[0].scope_spans[0].spans[0].attributes[0].value


@given(
    st.dictionaries(TEXTS, VALUES, max_size=6),
    st.integers(0, 2**64 - 1),
    st.binary(min_size=16, max_size=16),
    st.booleans(),
)
def test_any_request_is_the_same_from_json_and_from_protobuf(
    values: dict[str, Any], number: int, identity: bytes, ascii_only: bool
) -> None:
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add(schema_url="u")
    span = group.scope_spans.add().spans.add(
        trace_id=identity,
        span_id=identity[:8],
        start_time_unix_nano=number,
        kind=3,
        flags=number & 0xFFFF_FFFF,
        dropped_events_count=5,
    )
    span.status.code = 2  # type: ignore[assignment]
    event, link = (
        span.events.add(name="e", time_unix_nano=number),
        span.links.add(trace_id=identity, span_id=identity[:8]),
    )
    for key, value in values.items():
        for holder in (group.resource, span, event, link):
            holder.attributes.add(key=key).value.CopyFrom(any_value(value))
    body = json.dumps(as_json(request), ensure_ascii=ascii_only).encode()
    assert ExportTraceServiceRequest.FromString(to_protobuf("traces", body)) == request
    record = ExportLogsServiceRequest()
    for value in values.values():
        made = (
            record.resource_logs.add()
            .scope_logs.add()
            .log_records.add(time_unix_nano=NOW, severity_number=9, trace_id=identity)
        )  # type: ignore[arg-type]
        made.body.CopyFrom(any_value(value))
    body = json.dumps(as_json(record), ensure_ascii=ascii_only).encode()
    assert ExportLogsServiceRequest.FromString(to_protobuf("logs", body)) == record


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ('{"intValue":"9223372036854775807"}', any_value(2**63 - 1)),
        ('{"intValue":-5}', any_value(-5)),
        ('{"intValue":5.0}', any_value(5)),
        ('{"doubleValue":1}', any_value(1.0)),
        ('{"doubleValue":"-Infinity"}', any_value(float("-inf"))),
        ('{"bytesValue":"-_8"}', any_value(b"\xfb\xff")),
        ('{"string_value":"snake"}', any_value("snake")),
        ('{"arrayValue":{}}', any_value([])),
        ('{"kvlistValue":{"values":[]}}', any_value({})),
        ('{"arrayValue":{"values":[{}]}}', any_value([None])),
        ('{"stringValue":null}', any_value(None)),
        ('{"stringValue":"a","stringValue":"b"}', any_value("b")),
        ('{"stringValue":"\\ud83e\\udd8a"}', any_value("🦊")),
        ('{"unknown":[{"deep":1}],"boolValue":false}', any_value(False)),
    ],
)
def test_values_are_read_as_the_specification_says(value: str, read: Any) -> None:
    assert one_value(value) == read


def test_enums_may_be_named_and_a_byte_order_mark_is_no_matter() -> None:
    request = spans(
        '\ufeff{"resourceSpans":[{"scopeSpans":[{"spans":[{"kind":"SPAN_KIND_CLIENT","status":{"code":2}}]}]}]}'
    )
    span = request.resource_spans[0].scope_spans[0].spans[0]
    assert (span.kind, span.status.code) == (3, 2)


@pytest.mark.parametrize(
    "identity", ["xyz", "abc", "AAAAAAAAAAAAAAAAAAAAAQ==", "0 1" * 11, "", "ab" * 15, "ab" * 17, "\ud83e"]
)
def test_what_is_no_id_is_one_of_a_wrong_length_and_costs_no_other_span(identity: str) -> None:
    body = {"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": identity}, {"traceId": "ab" * 16}]}]}]}
    bad, good = spans(json.dumps(body)).resource_spans[0].scope_spans[0].spans
    assert (len(bad.trace_id) == 16, good.trace_id) == (False, b"\xab" * 16)


@pytest.mark.parametrize("depth", [400, 5000, 200_000])
def test_what_is_nested_deeper_than_python_reads_costs_itself(depth: int) -> None:
    list_ = '{"arrayValue":{"values":[' * depth + "]}}" * depth
    map_ = '{"kvlistValue":{"values":[{"key":"k","value":' * depth + "null" + "}]}}" * depth
    for deep in (list_, map_, f'{{"stringValue":"v","unknown":{"[" * depth}{"]" * depth}}}'):
        texts = r'"a":"}]\\","b":"\"[{",'  # What is in a string is no bracket.
        attribute = f'{{"key":"d","value":{deep}}}'
        two = f'{{"attributes":[{attribute}],"name":"whole"}},{{"name":"other"}}'
        document = f'{{{texts}"resourceSpans":[{{"scopeSpans":[{{"spans":[{two}]}}]}}]}}'
        body = prepare("traces", to_protobuf("traces", document.encode())).body
        first, other = ExportTraceServiceRequest.FromString(body).resource_spans[0].scope_spans[0].spans
        assert (first.name, first.attributes[0].key, other.name) == ("whole", "d", "other")


@pytest.mark.parametrize("end", ['"', '"' + '\\"' * 500_000, '"' + "x" * 500_000 + "\\", "]" * 10_000, "{" * 10_000])
def test_what_is_deep_and_no_json_is_refused_without_a_second_look_at_each_character(end: str) -> None:
    with pytest.raises(UnreadableBodyError, match="no JSON"):
        spans('{"a":' + "[" * 5000 + "]" * 5000 + "," + end)


def test_half_an_emoji_and_a_byte_that_is_no_utf_8_pass_on_to_where_they_are_replaced() -> None:
    body = b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"caf\xe9 \\ud83e"}]}]}]}'
    assert b"caf\xed\xb3\xa9 \xed\xa0\xbe" in to_protobuf("traces", body)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("{", "no JSON"),
        ("", "no JSON"),
        ("[" * 200_000, "no JSON"),
        ("[]", "no ExportTraceServiceRequest"),
        ('{"resourceSpans":1}', "no ExportTraceServiceRequest"),
        ('{"resourceSpans":[1]}', "no ExportTraceServiceRequest"),
        ('{"resourceSpans":[null]}', "no ExportTraceServiceRequest"),
        ('{"resourceSpans":[{"schemaUrl":1}]}', "1 where a text must be"),
        *(
            ('{"resourceSpans":[{"scopeSpans":[{"spans":[{%s}]}]}]}' % field, said)  # noqa: UP031
            for field, said in [
                ('"traceId":7', "7 where an id must be"),
                ('"attributes":{"k":"v"}', "a dict where a list must be, for attributes of Span"),
                ('"attributes":[{"key":"k","value":"v"}]', "'v' where an object must be, for AnyValue"),
                ('"startTimeUnixNano":-1', "-1 is not between"),
                ('"startTimeUnixNano":"18446744073709551616"', "is not between"),
                ('"startTimeUnixNano":1.5', "1.5 where a whole number must be"),
                ('"startTimeUnixNano":1e999', "no ExportTraceServiceRequest"),
                ('"kind":"NOTHING"', "no ExportTraceServiceRequest"),
                ('"kind":"\\ud83e"', "no ExportTraceServiceRequest"),
                ('"attributes":[{"value":{"boolValue":1}}]', "1 where true or false must be"),
                ('"attributes":[{"value":{"bytesValue":"!"}}]', "'!' is no base64"),
                ('"attributes":[{"value":{"intValue":true}}]', "True where a number must be"),
                ('"attributes":[{"value":{"intValue":9223372036854775808}}]', "is not between"),
                ('"attributes":[{"value":{"doubleValue":[]}}]', "a list where a number must be"),
            ]
        ),
    ],
)
def test_what_is_no_request_is_refused_with_the_reason(body: str, said: str) -> None:
    with pytest.raises(UnreadableBodyError, match=said):
        to_protobuf("traces", body.encode())


def test_a_body_of_too_many_objects_is_refused_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    body = b'{"resourceSpans":[' + b",".join([b"{}"] * 99) + b"]}"
    monkeypatch.setattr(json_encoding, "MAX_PARTS", 101)
    assert to_protobuf("traces", body) == b"\x0a\x00" * 99
    monkeypatch.setattr(json_encoding, "MAX_PARTS", 100)
    monkeypatch.setattr(json, "loads", lambda _: pytest.fail("it was read"))
    with pytest.raises(BodyTooLargeError, match="over 100 objects"):
        to_protobuf("traces", body)


def test_the_bodies_of_other_tests_are_the_same_too() -> None:
    for signal, kind, body in (
        ("traces", ExportTraceServiceRequest, traces(row(1, listed=["a", 1]))),
        ("logs", ExportLogsServiceRequest, logs([("hello", {"n": 1})])),
    ):
        assert to_protobuf(signal, json.dumps(as_json(kind.FromString(body))).encode()) == body
