"""Spans as an OTLP request, at a fifth of what the exporters' own encoder costs.

That encoder makes a message object of each attribute of each span, and hashes the resource as JSON once a span; a caller's spans say the same few
things over and over. Here each attribute that was seen lately is bytes already, and the request is read from bytes in one go. What is not one of the
common shapes goes through the exporters' own functions, so both make the same request (`tests/unit/core/test_otlp_encoding.py`); only what theirs
can't encode, such as half an emoji, is made fit for them first, where they would give up an attribute or the whole batch. The fields' numbers
are those of opentelemetry-proto 1.x, ``trace.proto`` and ``common.proto``, which can't change.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from opentelemetry.exporter.otlp.proto.common._internal import _encode_attributes, _encode_instrumentation_scope
from opentelemetry.exporter.otlp.proto.common._internal.trace_encoder import (
    _encode_events,
    _encode_links,
    _encode_span,
    _encode_trace_state,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.resource.v1.resource_pb2 import Resource as ResourceMessage
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanKind, Status, StatusCode

from rvbbit_otel.clean_text import clean, clean_text
from rvbbit_otel.sdk.clean_spans import cleaned_event, cleaned_link, cleaned_scope, cleaned_span

# Attributes that are kept as bytes, and the longest text among them: about a megabyte at most. When it is full it starts anew.
_MOST_KEPT: Final = 4096
_LONGEST_KEPT: Final = 128
_kept: dict[tuple[str, object, type], bytes] = {}

_IDS: Final = struct.Struct(">BBQQBBQ")  # trace_id = 1, span_id = 2
_PARENT: Final = struct.Struct(">BBQ")  # parent_span_id = 4
_TIMES: Final = struct.Struct("<BBBQBQBBI")  # kind = 6, start_time_unix_nano = 7, end_time_unix_nano = 8, flags = 16
_DOUBLE: Final = struct.Struct("<BBBd")  # AnyValue.double_value = 4, and the tag and length of KeyValue.value = 2
_LOW_64: Final = (1 << 64) - 1
_KIND: Final = {kind: kind.value + 1 for kind in SpanKind}  # The API counts from 0, where OTLP has "unspecified".
_REMOTE_IS_KNOWN: Final = 0x100
_IS_REMOTE: Final = 0x200
_NO_STATUS: Final = b"\x7a\x00"


def encode_spans(spans: Sequence[ReadableSpan]) -> ExportTraceServiceRequest:
    """The request that `opentelemetry.exporter.otlp.proto.common.trace_encoder.encode_spans` makes of the same spans."""
    return as_request(encoded(spans))


def encoded(spans: Sequence[ReadableSpan], on_loss: Callable[[Exception], None] | None = None) -> bytes:
    """That request, serialized. A span that can't be encoded is told to `on_loss` and left out; without one, it raises."""
    groups: dict[Resource, dict[InstrumentationScope | None, list[bytes]]] = {}
    # By what they are at first, since they are almost always the same objects; equal ones are one group all the same.
    found: dict[tuple[int, int], list[bytes]] = {}
    for span in spans:
        resource, scope = span.resource, span.instrumentation_scope
        group = found.get((id(resource), id(scope)))
        if group is None:
            cleaned = (
                cleaned_scope(scope) if scope else None
            )  # Two that are told apart by half a character are one when sent.
            group = groups.setdefault(resource, {}).setdefault(cleaned, [])
            found[id(resource), id(scope)] = group
        try:
            group.append(_delimited(2, _encoded(span)))
        except Exception as error:
            if on_loss is None:
                raise
            on_loss(error)
    return b"".join(_delimited(1, _resource_spans(resource, scopes)) for resource, scopes in groups.items())


def as_request(serialized: bytes) -> ExportTraceServiceRequest:
    """A serialized request as the object that exporters send."""
    request: ExportTraceServiceRequest = ExportTraceServiceRequest.FromString(serialized)
    return request


def _resource_spans(resource: Resource, scopes: Mapping[InstrumentationScope | None, list[bytes]]) -> bytes:
    attributes = _encode_attributes(clean(resource.attributes))
    parts = [_delimited(1, ResourceMessage(attributes=attributes).SerializeToString())]
    for scope, spans in scopes.items():
        about = _encode_instrumentation_scope(scope).SerializeToString() if scope is not None else b""
        inner = [_delimited(1, about), *spans]
        if scope is not None and scope.schema_url:
            inner.append(_delimited(3, scope.schema_url.encode()))
        parts.append(_delimited(2, b"".join(inner)))
    if resource.schema_url:
        parts.append(_delimited(3, clean_text(resource.schema_url).encode()))
    return b"".join(parts)


def _encoded(span: ReadableSpan) -> bytes:
    try:
        return _span(span)
    except (ValueError, TypeError, AttributeError, KeyError, struct.error):
        # What is unusual is theirs to encode, or to refuse.
        encoded: bytes = _encode_span(cleaned_span(span)).SerializeToString()
        return encoded


def _span(span: ReadableSpan) -> bytes:
    context, parent, status = span.context, span.parent, span.status
    trace_id = context.trace_id
    flags = _REMOTE_IS_KNOWN
    parts = [_IDS.pack(0x0A, 16, trace_id >> 64, trace_id & _LOW_64, 0x12, 8, context.span_id)]
    if context.trace_state:
        parts.append(_delimited(3, (_encode_trace_state(context.trace_state) or "").encode()))
    if parent is not None:
        parts.append(_PARENT.pack(0x22, 8, parent.span_id))
        if parent.is_remote:
            flags |= _IS_REMOTE
    parts.append(_delimited(5, span.name.encode()))
    parts.append(_TIMES.pack(0x30, _KIND[span.kind], 0x39, span.start_time, 0x41, span.end_time, 0x85, 0x01, flags))
    attributes = span._attributes
    if attributes:
        # Looked up in the dictionary behind, without the steps of the mapping: an ended span's attributes change no more.
        for key, value in getattr(attributes, "_dict", attributes).items():
            kept = _kept.get((key, value, type(value))) if type(value) in _PLAIN else None
            parts.append(_attribute(key, value) if kept is None else kept)
    if span._events:
        events = [cleaned_event(event) for event in span.events]
        parts += [_delimited(11, event.SerializeToString()) for event in _encode_events(events) or ()]
    if span._links:
        links = [cleaned_link(link) for link in span.links]
        parts += [_delimited(13, link.SerializeToString()) for link in _encode_links(links) or ()]
    if span.dropped_attributes:
        parts.append(_varint(10 << 3) + _varint(span.dropped_attributes))
    # An empty tuple in the place of the SDK's own list has dropped nothing, and a question to its properties is slow.
    if span._events != () and span.dropped_events:
        parts.append(_varint(12 << 3) + _varint(span.dropped_events))
    if span._links != () and span.dropped_links:
        parts.append(_varint(14 << 3) + _varint(span.dropped_links))
    parts.append(_NO_STATUS if status.status_code is StatusCode.UNSET and not status.description else _status(status))
    return b"".join(parts)


def _attribute(key: str, value: Any) -> bytes:
    """An attribute of a span: KeyValue, field 9. Empty for one that the exporters leave out, which they log."""
    kind = type(value)
    if kind is float:
        name = _delimited(1, key.encode())
        return b"\x4a" + _varint(len(name) + 11) + name + _DOUBLE.pack(0x12, 9, 0x21, value)
    if clean_text(key) is not key:
        raise ValueError("a key that is no Unicode, which may become one that is there already")
    made = b"".join(_delimited(9, each.SerializeToString()) for each in _encode_attributes({key: clean(value)}))
    if kind in _PLAIN and (kind is not str or len(value) <= _LONGEST_KEPT):
        if len(_kept) >= _MOST_KEPT:
            _kept.clear()
        _kept[key, value, kind] = made
    return made


# What is kept: 1, 1.0 and True are one key of a dictionary, so the type is a part of it. A fraction is hardly ever the same again.
_PLAIN: Final = frozenset({str, int, bool})


def _status(status: Status) -> bytes:
    message = _delimited(2, status.description.encode()) if status.description else b""
    return _delimited(15, message + b"\x18" + _varint(status.status_code.value))


def _delimited(field: int, content: bytes) -> bytes:
    length = len(content)
    if length < 0x80 and field < 16:
        return bytes((field << 3 | 2, length)) + content
    return _varint(field << 3 | 2) + _varint(length) + content


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
