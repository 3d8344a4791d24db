"""Values of OTLP of every kind for tests, and the text that the collector's exporter makes of each, written down independently of our own code."""

from __future__ import annotations

import base64
import json
import math
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0.0, -0.0, 1e21, 1e-7, 1e20, 5e-324, 0.1]),
    TEXTS,
    st.binary(max_size=8),
)
# Lists of maps, maps of maps, empty ones, nulls and bytes at any depth.
VALUES: st.SearchStrategy[Any] = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=15,
)


def any_value(value: Any) -> AnyValue:
    """A value as OTLP has it."""
    made = AnyValue()
    if isinstance(value, bool):
        made.bool_value = value
    elif isinstance(value, int):
        made.int_value = value
    elif isinstance(value, float):
        made.double_value = value
    elif isinstance(value, bytes):
        made.bytes_value = value
    elif isinstance(value, str):
        made.string_value = value
    elif isinstance(value, list):
        made.array_value.SetInParent()
        made.array_value.values.extend(map(any_value, value))
    elif isinstance(value, dict):
        made.kvlist_value.SetInParent()
        for key, item in value.items():
            made.kvlist_value.values.add(key=key, value=any_value(item))
    return made


def stored_text(value: Any) -> str:
    """What is in the store of it."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return json_text(value)


def json_text(value: Any) -> str:
    """JSON as Go's encoding/json writes it, without its escapes for HTML."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{json_text(key)}:{json_text(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(json_text, value)) + "]"
    if isinstance(value, bytes):
        return f'"{base64.b64encode(value).decode()}"' if value else "null"
    if isinstance(value, float):
        return _number(value)
    text = json.dumps(value, ensure_ascii=False)
    return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _number(value: float) -> str:
    exact = Decimal(repr(value))
    if value != 0 and (abs(value) < 1e-6 or abs(value) >= 1e21):
        sign, digits, _ = exact.normalize().as_tuple()
        rest = "".join(map(str, digits[1:]))
        return f"{'-' * sign}{digits[0]}{'.' * bool(rest)}{rest}e{exact.adjusted():+d}"
    plain = f"{exact:f}"
    plain = plain.rstrip("0").rstrip(".") if "." in plain else plain
    return f"-{plain.lstrip('-')}" if math.copysign(1, value) < 0 else plain
