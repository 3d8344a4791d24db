"""Values that OTLP can carry, of values that it can't: half an emoji, a file name that is no UTF-8, a number over 64 bits.

The exporters' encoder gives up the attribute that one of them is in, and for a span's name, an exception's text or a log's body the whole batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from opentelemetry.attributes import BoundedAttributes

_T = TypeVar("_T")
# Lists and maps inside each other; what lies deeper is left out. The protobuf library, and with it most receivers, refuses a whole batch for
# a hundred messages inside each other, and a map is three.
_MAX_DEPTH = 30


def clean_text(text: str) -> str:
    """The text, with a replacement character for each half of a character; the same object where there is none."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        # Two halves that belong together are one character.
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def clean(value: _T) -> _T:
    """Any value as OTLP can carry it; the same object where it can already."""
    cleaned: _T = _clean(value, 0)
    return cleaned


def clean_attributes(attributes: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """The attributes of a span, an event, a link or a record, with their limits and what was dropped; the same object where all are fit."""
    cleaned = clean(attributes)
    return attributes if cleaned is attributes else with_entries(attributes, cleaned or {})


def with_entries(attributes: Mapping[str, Any] | None, entries: Mapping[str, Any]) -> Mapping[str, Any]:
    """Attributes with these entries, which are fit, and with the limits of `attributes` and what was dropped of them."""
    limits = getattr(attributes, "maxlen", None), getattr(attributes, "max_value_len", None)
    bounded = BoundedAttributes(limits[0], immutable=False, max_value_len=limits[1])
    inner: dict[str, Any] | None = getattr(bounded, "_dict", None)
    if inner is None:
        bounded.update(entries)
    else:
        inner.update(entries)  # The public way cleans once more, and drops what has an empty key inside a map.
    bounded.dropped = getattr(attributes, "dropped", 0)
    return bounded


def _clean(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return clean_text(value)
    if value is None or isinstance(value, bool | float | bytes):
        return value
    if isinstance(value, int):
        return value if -(1 << 63) <= value < 1 << 63 else _as_text(value)
    if depth >= _MAX_DEPTH:
        return ""  # Not None, which the exporters' own encoder takes from 1.43 on.
    if isinstance(value, Mapping):
        pairs = {_key(key): _clean(item, depth + 1) for key, item in value.items()}
        same = all(key in pairs and pairs[key] is item for key, item in value.items())
        return value if same else pairs
    if isinstance(value, Sequence):
        items = [_clean(item, depth + 1) for item in value]
        return value if all(new is old for new, old in zip(items, value, strict=True)) else tuple(items)
    return _as_text(value)


def _key(key: object) -> str:
    return clean_text(key) if isinstance(key, str) else str(_as_text(key))


def _as_text(value: object) -> str | None:
    try:
        return clean_text(str(value))
    except Exception:  # noqa: BLE001 - a value of the host's that can't say what it is
        return None
