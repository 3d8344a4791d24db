"""What comes in by OTLP as the engine can store it."""

from __future__ import annotations

from typing import Any

import pytest
from benchmarks.recorded import Bodies
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.support.otlp import NOW, SpanRecord, key_value, logs, row, traces
from tests.support.otlp_values import VALUES, any_value, stored_text

from rvbbit_otel.all_in_one.http.bodies import BodyTooLargeError
from rvbbit_otel.all_in_one.otlp import costs, requests
from rvbbit_otel.all_in_one.otlp.requests import UnreadableBodyError, prepare


def delimited(field: int, content: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(content)) + content


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def with_span(content: bytes) -> bytes:
    """A request with one span of these bytes besides its ids and times."""
    ids = delimited(1, b"\x01" * 16) + delimited(2, b"\x01" * 8)
    times = b"\x39" + NOW.to_bytes(8, "little") + b"\x41" + NOW.to_bytes(8, "little")
    return delimited(1, delimited(2, delimited(2, ids + times + content)))


def span_of(body: bytes) -> Any:
    (group,) = ExportTraceServiceRequest.FromString(body).resource_spans
    (scope,) = group.scope_spans
    (span,) = scope.spans
    return span


def test_a_body_of_ours_goes_on_byte_by_byte() -> None:
    body = Bodies(spans=50)(0)
    assert prepare("traces", body).body == body
    assert prepare("logs", logs([("hello", {"n": 1})])).body == logs([("hello", {"n": 1})])


def test_numbers_that_were_sent_as_zero_are_kept() -> None:
    body = with_span(b"\x30\x00\x50\x00\x60\x00\x85\x01" + bytes(4) + b"\x7a\x02\x18\x00")
    # In the order of their numbers.
    assert sorted(prepare("traces", body).body) == sorted(body)


@given(
    st.lists(
        st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), VALUES, max_size=4),
        min_size=6,
        max_size=6,
    )
)
def test_lists_and_maps_become_text_wherever_they_stand_and_all_else_stays(values: list[dict[str, Any]]) -> None:
    sent, expected = ExportTraceServiceRequest(), ExportTraceServiceRequest()
    for request, text in ((sent, False), (expected, True)):
        group = request.resource_spans.add(schema_url="u")
        fill(group.resource.attributes, values[0], text)
        scope = group.scope_spans.add(schema_url="v")
        scope.scope.name = "s"
        fill(scope.scope.attributes, values[1], text)
        span = scope.spans.add(name="n", trace_state="a=b", kind=3, flags=1, dropped_links_count=7)
        fill(span.attributes, values[2], text)
        fill(span.events.add(name="e", time_unix_nano=5).attributes, values[3], text)
        fill(span.links.add(trace_id=b"\x01" * 16, trace_state="c=d").attributes, values[4], text)
    assert ExportTraceServiceRequest.FromString(prepare("traces", sent.SerializeToString()).body) == expected
    records, texts = ExportLogsServiceRequest(), ExportLogsServiceRequest()
    for wanted, text in ((records, False), (texts, True)):
        record = wanted.resource_logs.add().scope_logs.add().log_records.add(time_unix_nano=NOW)
        fill(record.attributes, values[0], text)
        record.body.CopyFrom(converted(values[5], text))
    assert ExportLogsServiceRequest.FromString(prepare("logs", records.SerializeToString()).body) == texts


def fill(attributes: Any, values: dict[str, Any], text: bool) -> None:
    for key, value in values.items():
        attributes.add(key=key).value.CopyFrom(converted(value, text))


def converted(value: Any, text: bool) -> Any:
    return any_value(stored_text(value) if text and isinstance(value, list | dict) else value)


@given(chunk=st.integers(1, 400), number=st.integers(0, 8), data=st.data())
def test_a_large_body_that_is_read_in_parts_is_the_same_as_one_read_whole(
    chunk: int, number: int, data: st.DataObject
) -> None:
    request = ExportTraceServiceRequest.FromString(
        traces(*(SpanRecord(n, {"listed": [{"n": n}], "text": "x" * (n * 40)}, exception="e") for n in range(number)))
    )
    group = request.resource_spans.add()
    group.resource.attributes.extend(key_value(str(n), "y" * 30) for n in range(data.draw(st.integers(0, 12))))
    group.scope_spans.add().spans.add(name="late").links.add(trace_state="z" * 50)
    body = request.SerializeToString() + data.draw(st.sampled_from([b"", b"\x08\x01", traces(row(9))]))
    whole = prepare("traces", body)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(requests, "CHUNK", chunk)
        parts = prepare("traces", body)
    assert ExportTraceServiceRequest.FromString(parts.body) == ExportTraceServiceRequest.FromString(whole.body)


def test_a_large_body_that_ends_in_a_group_is_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "CHUNK", 8)
    good = traces(row(1), row(2))
    prepared = prepare("traces", good + b"\xa3\x06\x08\x01\xa4\x06")
    assert ExportTraceServiceRequest.FromString(prepared.body) == ExportTraceServiceRequest.FromString(good)


@pytest.mark.parametrize(
    "extra",
    [
        b"\x08\x01",
        b"\x0d\x01\x02\x03\x04",
        b"\x78\x05",
        b"\xa3\x06\x08\x01\xa4\x06",
        b"\x0a\x02\x08\x01",
    ],
    ids=["a number where spans are", "four bytes where spans are", "unknown", "a group", "a number in a resource"],
)
@pytest.mark.parametrize("first", [True, False])
def test_what_the_engine_would_not_read_is_left_out_and_the_rest_is_kept(extra: bytes, first: bool) -> None:
    good = traces(row(1))
    prepared = prepare("traces", extra + good if first else good + extra).body
    sent = [group for group in ExportTraceServiceRequest.FromString(prepared).resource_spans if group.scope_spans]
    assert sent == list(ExportTraceServiceRequest.FromString(good).resource_spans)
    assert b"\x08\x01" not in prepared.replace(good, b"")


def test_fields_of_the_wrong_kind_inside_a_span_are_left_out() -> None:
    body = with_span(
        b"\x28\x07" + b"\x48\x07" + delimited(6, b"\x01\x02") + delimited(9, b"\x08\x01" + b"\x12\x02\x0d\x00"[:0])
    )
    span = span_of(prepare("traces", body).body)
    assert (span.name, span.kind, [each.key for each in span.attributes]) == ("", 0, [""])


@pytest.mark.parametrize(
    ("content", "read"),
    [
        (delimited(5, b"na\xffme"), ("na\ufffdme", {})),
        (delimited(9, delimited(1, b"k\xff") + delimited(2, delimited(1, b"v"))), ("", {"k\ufffd": "v"})),
        (delimited(9, delimited(1, b"k") + delimited(2, delimited(1, b"\xed\xa0\xbe"))), ("", {"k": "\ufffd"})),
        (
            delimited(9, delimited(1, b"k") + delimited(2, delimited(5, delimited(1, delimited(1, b"\xff"))))),
            ("", {"k": '["\ufffd"]'}),
        ),
    ],
    ids=["name", "key", "half a character", "in a list"],
)
@pytest.mark.parametrize("chunk", [16, 1 << 20])
def test_a_text_that_is_no_utf_8_costs_that_text_and_is_told(
    content: bytes, read: tuple[str, dict[str, str]], chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "CHUNK", chunk)
    prepared = prepare("traces", traces(row(1, good="é")) + with_span(content))
    good, bad = ExportTraceServiceRequest.FromString(prepared.body).resource_spans
    assert good == ExportTraceServiceRequest.FromString(traces(row(1, good="é"))).resource_spans[0]
    span = bad.scope_spans[0].spans[0]
    assert (span.name, {each.key: each.value.string_value for each in span.attributes}) == read
    assert prepared.notes == "1 texts that are no UTF-8 have replacement characters"


@pytest.mark.parametrize(
    "body",
    [b"\xff\xff\xff", traces(row(1))[:-3], b"\x0a\x05\x01", b"\x0a", b"\x0b\x08\x01"],
)
@pytest.mark.parametrize("chunk", [4, 1 << 20])
def test_a_body_that_is_no_request_is_refused(body: bytes, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "CHUNK", chunk)
    with pytest.raises(UnreadableBodyError, match="the body is no ExportTraceServiceRequest"):
        prepare("traces", body)


MIB = 1024 * 1024
COSTLY = {
    "empty resources": b"\x0a\x00" * (10 * MIB),
    "empty scopes": delimited(1, b"\x12\x00" * (10 * MIB)),
    "empty spans": delimited(1, delimited(2, b"\x12\x00" * (10 * MIB))),
    "a span of empty attributes": with_span(b"\x4a\x00" * (10 * MIB)),
    "a span of empty events": with_span(b"\x5a\x00" * (10 * MIB)),
    "a span of empty links": with_span(b"\x6a\x00" * (10 * MIB)),
    "an event of empty attributes": with_span(delimited(11, b"\x1a\x00" * (10 * MIB))),
    "a list of nothing": with_span(delimited(9, delimited(2, delimited(5, b"\x0a\x00" * (10 * MIB))))),
    "a resource of many parts": delimited(1, b"\x0a\x00" * (10 * MIB)),
    "a large resource for many spans": delimited(
        1,
        delimited(1, delimited(1, delimited(1, b"k") + delimited(2, delimited(1, b"x" * MIB))))
        + delimited(2, b"\x12\x02\x30\x01" * 2000),
    ),
    "a large scope for many spans": delimited(
        1, delimited(2, delimited(1, delimited(1, b"x" * MIB)) + b"\x12\x02\x30\x01" * 2000)
    ),
    "a resource of many attributes for many spans": delimited(
        1, delimited(1, b"\x0a\x03\x0a\x01k" * 10_000) + delimited(2, b"\x12\x02\x30\x01" * 5000)
    ),
    "what nobody knows": b"\x78\x01" * (10 * MIB),
}


@pytest.mark.parametrize("name", COSTLY)
def test_a_body_that_would_cost_far_more_than_its_bytes_is_refused(name: str) -> None:
    with pytest.raises(BodyTooLargeError, match="send fewer"):
        prepare("traces", COSTLY[name])


def test_twenty_mebibytes_of_usual_spans_and_of_small_ones_are_taken() -> None:
    usual = prepare("traces", Bodies(spans=37_000)(0))
    assert 19 * MIB < len(usual.body) < 20 * MIB
    small = prepare("traces", traces(*(SpanRecord(number) for number in range(150_000))))
    assert small.cost < costs.MAX_COST


def test_the_cost_of_rows_does_not_depend_on_how_a_body_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    body = traces(*(row(number, listed=[1], text="x" * 50) for number in range(300)))
    whole = prepare("traces", body).cost
    monkeypatch.setattr(requests, "CHUNK", 3000)
    assert whole * 0.7 < prepare("traces", body).cost - 300 * costs.FIELD < whole * 1.3
