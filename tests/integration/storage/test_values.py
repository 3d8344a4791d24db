"""Every kind of value, event and link arrives as the collector's own exporter would have written it."""

from __future__ import annotations

import math
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from tests.conftest import Store
from tests.support.otlp import NOW, SpanRecord, any_value, key_value, row, traces

VALUES = [
    (any_value(math.nan), "NaN"),
    (any_value(math.inf), "Infinity"),
    (any_value(-math.inf), "-Infinity"),
    (any_value(1.0), "1"),
    (any_value(1e20), "100000000000000000000"),
    (any_value(1e-7), "1e-7"),
    (any_value(-(2**63)), "-9223372036854775808"),
    (any_value(""), ""),
    (any_value("\x00'\\\n\u2028🦊"), "\x00'\\\n\u2028🦊"),
    (any_value(False), "false"),
    (any_value(b""), ""),
    (AnyValue(), ""),
    (any_value([False, 0, 1.5, 'a"<', b"x"]), '[false,0,1.5,"a\\"<","eA=="]'),
    (AnyValue(array_value=ArrayValue(values=[AnyValue()])), "[null]"),
    (any_value({"b": True, "a": ""}), '{"a":"","b":true}'),
    (any_value([{"role": "user", "parts": [["a"], {}]}]), '[{"parts":[["a"],{}],"role":"user"}]'),
    (any_value([[1]]), "[[1]]"),
    (any_value([]), "[]"),
    (AnyValue(kvlist_value=KeyValueList()), "{}"),
    (any_value(1e21), "1e+21"),
    (any_value([1e21, 1e-7, math.nan]), '[1e+21,1e-7,"NaN"]'),
    (any_value(-0.0), "-0"),
]


def test_values_of_every_kind_become_text(store: Store) -> None:
    request = ExportTraceServiceRequest.FromString(traces(SpanRecord(1)))
    span = request.resource_spans[0].scope_spans[0].spans[0]
    span.attributes.extend(KeyValue(key=str(number), value=value) for number, (value, _) in enumerate(VALUES))
    store.send(request.SerializeToString())
    assert store.one("SELECT SpanAttributes FROM otel_traces") == {
        str(number): text for number, (_, text) in enumerate(VALUES)
    }


def test_events_and_links_keep_their_attributes_ids_and_times(store: Store) -> None:
    request = ExportTraceServiceRequest.FromString(traces(SpanRecord(1)))
    span = request.resource_spans[0].scope_spans[0].spans[0]
    span.trace_state, span.kind, span.status.code = "a=b", 3, 1  # type: ignore[assignment]
    span.events.add(time_unix_nano=NOW + 5, name="first", attributes=[key_value("n", 1)])
    span.events.add(time_unix_nano=NOW + 6, name="second")
    span.links.add(
        trace_id=bytes(15) + b"\x07", span_id=bytes(7) + b"\x09", trace_state="c=d", attributes=[key_value("ok", False)]
    )
    span.links.add(trace_id=bytes(16), span_id=b"")
    store.send(request.SerializeToString())
    (stored,) = store.whole(
        "SELECT TraceState, SpanKind, StatusCode, ScopeName, toUnixTimestamp64Nano(Events.Timestamp[1]) AS first_at, Events.Name, "
        "Events.Attributes, Links.TraceId, Links.SpanId, Links.TraceState, Links.Attributes FROM otel_traces"
    )
    assert {**stored, "first_at": int(str(stored["first_at"]))} == {
        "TraceState": "a=b",
        "SpanKind": "Client",
        "StatusCode": "Ok",
        "ScopeName": "test",
        "first_at": NOW + 5,
        "Events.Name": ["first", "second"],
        "Events.Attributes": [{"n": "1"}, {}],
        "Links.TraceId": [f"{7:032x}", ""],
        "Links.SpanId": [f"{9:016x}", ""],
        "Links.TraceState": ["c=d", ""],
        "Links.Attributes": [{"ok": "false"}, {}],
    }


def test_a_log_record_is_stored_whole(store: Store) -> None:
    request = ExportLogsServiceRequest()
    resource = request.resource_logs.add(schema_url="https://resource")
    resource.resource.attributes.append(key_value("service.name", "runner"))
    scope = resource.scope_logs.add(schema_url="https://scope")
    scope.scope.name, scope.scope.version = "logger", "2"
    scope.scope.attributes.append(key_value("scoped", True))
    scope.log_records.add(
        observed_time_unix_nano=NOW,
        severity_number=17,  # type: ignore[arg-type]
        severity_text="ERROR",
        body=any_value({"message": "boom"}),
        attributes=[key_value("session.id", "s1"), key_value("rvbbit.caller.id", "sql-fox")],
        flags=1,
        trace_id=bytes(15) + b"\x07",
        span_id=bytes(7) + b"\x09",
        event_name="failed",
    )
    scope.log_records.add(body=any_value("no time of either kind"))
    store.send_logs(request.SerializeToString())
    (stored,) = store.whole("SELECT * EXCEPT (Timestamp, record_hash), toUnixTimestamp(Timestamp) AS at FROM otel_logs")
    assert stored == {
        "TraceId": f"{7:032x}",
        "SpanId": f"{9:016x}",
        "TraceFlags": 1,
        "SeverityText": "ERROR",
        "SeverityNumber": 17,
        "ServiceName": "runner",
        "Body": '{"message":"boom"}',
        "ResourceSchemaUrl": "https://resource",
        "ResourceAttributes": {"service.name": "runner"},
        "ScopeSchemaUrl": "https://scope",
        "ScopeName": "logger",
        "ScopeVersion": "2",
        "ScopeAttributes": {"scoped": "true"},
        "LogAttributes": {"session.id": "s1", "rvbbit.caller.id": "sql-fox"},
        "EventName": "failed",
        "caller_id": "sql-fox",
        "session_id": "s1",
        "at": NOW // 10**9,
    }
    assert store.rows("SELECT signal, reason, count FROM rejected_spans") == [("logs", "time", 1)]


def test_numbers_that_are_none_cost_the_row_nothing_but_themselves(store: Store) -> None:
    hostile: dict[str, Any] = {
        "rvbbit__usage__counted": True,
        "rvbbit__usage__cost": "nan",
        "gen_ai__usage__input_tokens": -5,
        "gen_ai__usage__output_tokens": "many",
        "rvbbit__take__index": "second",
        "rvbbit__duration_ms": "inf",
    }
    store.send(traces(row(1, **hostile)))
    assert store.rows("SELECT cost, tokens_in, tokens_out, take_index, duration_ms FROM unified_logs") == [
        (0, 0, 0, None, 1)
    ]


@pytest.mark.parametrize(
    ("stated", "stored"),
    [
        ("12.345678", "12.345678"),
        ("0.1234567", "0.123457"),
        ("-2.5", "-2.5"),
        (86_400_000.000001, "86400000.000001"),
        ("1e11", "100000000000"),
        ("1e12", "1"),
        ("1e300", "1"),
        ("soon", "1"),
    ],
)
def test_a_stated_duration_is_kept_to_the_nanosecond_where_it_can_be(store: Store, stated: Any, stored: str) -> None:
    store.send(traces(row(1, rvbbit__duration_ms=stated)))
    assert store.one("SELECT toString(duration_ms) FROM unified_logs") == stored


def test_a_spans_own_duration_is_kept_to_the_nanosecond(store: Store) -> None:
    took = [1, 999_999, 12_345_678, 86_399_999_999_999]
    store.send(traces(*(SpanRecord(number, {"session.id": "s1"}, took=each) for number, each in enumerate(took))))
    assert store.rows("SELECT toInt64(toDecimal128(duration_ms, 6) * 1000000) FROM unified_logs ORDER BY span_id") == [
        (each,) for each in took
    ]


def test_a_span_that_ends_before_it_starts_takes_no_time(store: Store) -> None:
    request = ExportTraceServiceRequest.FromString(traces(row(1)))
    request.resource_spans[0].scope_spans[0].spans[0].end_time_unix_nano = 5
    store.send(request.SerializeToString())
    assert store.rows("SELECT duration_ms FROM unified_logs") == [(0,)]
    assert store.rows("SELECT started_at = last_seen_at FROM session_state") == [(1,)]


def test_a_body_of_70_000_spans_is_one_block_to_the_guards(store: Store) -> None:
    spans = [row(number, f"s{number % 500}", at=NOW - number * 10**6) for number in range(70_000)]
    # Doubles far from their first copies; the engine's usual block is 65,409 rows.
    store.send(traces(*spans) + traces(*spans[::100]))
    assert store.rows("SELECT count(), uniqExact(trace_id, span_id) FROM unified_logs") == [(70_000, 70_000)]
    assert store.one("SELECT count() FROM otel_traces") == 70_000
