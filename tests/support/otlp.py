"""Builds OTLP requests for tests: spans and log records as plain records, ids from numbers."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList

Value = str | bool | int | float | bytes | list[object] | dict[str, object]
# A fixed moment within the hour, so that two calls in one test agree; whole seconds keep expected rows readable.
NOW = int(time.time()) // 60 * 60 * 10**9


@dataclass(frozen=True)
class SpanRecord:
    """One span. `at` is nanoseconds since the epoch, `took` nanoseconds."""

    number: int
    attributes: Mapping[str, Value] = field(default_factory=dict)
    name: str = "log"
    at: int = NOW
    took: int = 1_000_000
    trace: bytes | None = None
    span: bytes | None = None
    parent: bytes = b""
    error: str | None = None
    exception: str | None = None


def row(
    number: int, session: str = "s1", caller: str = "sql-fox", /, *, at: int = NOW, **attributes: Value
) -> SpanRecord:
    """A span that is a row: double underscores in a name stand for dots."""
    stamp: dict[str, Value] = {"session.id": session}
    if caller:
        stamp |= {"rvbbit.caller.id": caller, "rvbbit.caller.source": "echo"}
    more = {name.replace("__", "."): value for name, value in attributes.items()}
    return SpanRecord(number, {**stamp, **more}, at=at)


def traces(*spans: SpanRecord, service: str = "runner", scope_name: str = "test") -> bytes:
    """A serialized ExportTraceServiceRequest; several put one after another are one."""
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    resource_spans.resource.attributes.append(key_value("service.name", service))
    scope = resource_spans.scope_spans.add()
    scope.scope.name = scope_name
    for each in spans:
        span = scope.spans.add(
            trace_id=(each.number + 1).to_bytes(16, "big") if each.trace is None else each.trace,
            span_id=(each.number + 1).to_bytes(8, "big") if each.span is None else each.span,
            parent_span_id=each.parent,
            name=each.name,
            kind=1,
            start_time_unix_nano=each.at,
            end_time_unix_nano=min(each.at + each.took, 2**64 - 1),
            attributes=[key_value(key, value) for key, value in each.attributes.items()],
        )
        if each.error is not None:
            span.status.code = 2
            span.status.message = each.error
        if each.exception is not None:
            event = span.events.add(name="exception", time_unix_nano=each.at)
            event.attributes.append(key_value("exception.message", each.exception))
    return request.SerializeToString()


def logs(
    records: Iterable[tuple[str, Mapping[str, Value]]],
    service: str = "runner",
    at: int = NOW,
    trace: bytes | None = None,
) -> bytes:
    """A serialized ExportLogsServiceRequest of (body, attributes)."""
    request = ExportLogsServiceRequest()
    resource_logs = request.resource_logs.add()
    resource_logs.resource.attributes.append(key_value("service.name", service))
    scope = resource_logs.scope_logs.add()
    for body, attributes in records:
        record = scope.log_records.add(
            time_unix_nano=at, severity_number=9, severity_text="INFO", trace_id=trace or b""
        )
        record.body.string_value = body
        record.attributes.extend(key_value(key, value) for key, value in attributes.items())
    return request.SerializeToString()


def key_value(key: str, value: object) -> KeyValue:
    """One attribute."""
    return KeyValue(key=key, value=any_value(value))


def any_value(value: object) -> AnyValue:
    """A value as OTLP has it."""
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, bytes):
        return AnyValue(bytes_value=value)
    if isinstance(value, list):
        return AnyValue(array_value=ArrayValue(values=[any_value(item) for item in value]))
    if isinstance(value, dict):
        return AnyValue(kvlist_value=KeyValueList(values=[key_value(key, item) for key, item in value.items()]))
    return AnyValue(string_value=str(value))
