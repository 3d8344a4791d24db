"""OTLP's JSON to the protobuf message that it stands for. Protobuf's own JSON parser reads ids as base64, OTLP writes them as hex.

https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

from __future__ import annotations

import base64
import json
from typing import Any

from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import Message

from rvbbit_otel.all_in_one.ingest import UnreadableBodyError

_HEX_FIELDS = frozenset({"traceId", "spanId", "parentSpanId", "trace_id", "span_id", "parent_span_id"})
# Deeper than any value that the engine keeps; protobuf's parser itself stops at 100.
_MAX_DEPTH = 60


def to_protobuf(body: bytes, message: Message) -> bytes:
    """The body as protobuf bytes; raises UnreadableBodyError."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UnreadableBodyError(f"the body is no JSON: {error}") from error
    try:
        data: bytes = ParseDict(_with_base64_ids(document, 0), message, ignore_unknown_fields=True).SerializeToString()
    except (ParseError, ValueError, TypeError, AttributeError) as error:
        raise UnreadableBodyError(f"the body is no {message.DESCRIPTOR.name}: {error}") from error
    return data


def _with_base64_ids(value: Any, depth: int) -> Any:
    if depth > _MAX_DEPTH:
        raise UnreadableBodyError(f"the body is nested deeper than {_MAX_DEPTH}")
    if isinstance(value, list):
        return [_with_base64_ids(item, depth + 1) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _base64(item) if key in _HEX_FIELDS and isinstance(item, str) else _with_base64_ids(item, depth + 1)
        for key, item in value.items()
    }


def _base64(text: str) -> str:
    return base64.b64encode(bytes.fromhex(text)).decode()
