"""Limit content (what users and models wrote): it is recorded as far as the settings allow, up to a size."""

from __future__ import annotations

import datetime
import decimal
import enum
import json
import math
import pathlib
import uuid
from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any, Final

from rvbbit_otel.counters import Counters
from rvbbit_otel.settings import Settings

# (attribute name, text) -> text, or None to leave it out.
Redact = Callable[[str, str], "str | None"]

FULL_LIMIT: Final = 1_048_576
_MAX_DEPTH: Final = 16
# What redaction may look at beyond the limit, so that a secret cut in two at the limit is still seen whole.
_OVERLAP: Final = 1024
_SPOKEN: Final = (
    datetime.date,
    datetime.time,
    datetime.timedelta,
    decimal.Decimal,
    uuid.UUID,
    pathlib.PurePath,
    enum.Enum,
)


class ContentRule:
    """Turns any object into the text that may be written, or None."""

    def __init__(self, settings: Settings, counters: Counters, redact: Redact | None = None) -> None:
        """`redact` sees every text before it is written; where it raises, the text is left out and counted."""
        self.allowed = settings.content != "off"
        self._limit = FULL_LIMIT if settings.content == "full" else settings.content_limit
        self._counters = counters
        self._redact = redact

    def text(self, attribute: str, value: object) -> str | None:
        """Return the text to record as `attribute`; None where content is off or there is no text."""
        if not self.allowed or value is None:
            return None
        text = rendered(value, self._limit + (_OVERLAP if self._redact is not None else 0))
        if self._redact is not None:
            try:
                redacted = self._redact(attribute, text)
            except Exception as error:  # noqa: BLE001 - the user's hook; its text must not leave unredacted
                self._counters.error("content.redact", error)
                self._counters.add("dropped.content")
                return None
            if not isinstance(redacted, str):
                return None
            text = redacted
        return text[: self._limit]


def rendered(value: object, limit: int) -> str:
    """`value` as text of at most `limit` characters: a string as it is, anything else as JSON. Work is bounded by `limit`, too."""
    if isinstance(value, str):
        return _clean(value[:limit])
    if isinstance(value, bytes | bytearray):
        return _clean(bytes(value[:limit]).decode("utf-8", "replace"))
    clipped = _Clip(limit).clip(value, 0)
    if isinstance(clipped, str):
        return clipped[:limit]
    return json.dumps(clipped, ensure_ascii=False)[:limit]


def _clean(text: str) -> str:
    # A lone surrogate can't be encoded, and would cost the exporter the whole batch.
    return text.encode("utf-8", "replace").decode("utf-8")


class _Clip:
    """Copies a structure until its budget of characters is spent: what is left out shows as an ellipsis."""

    def __init__(self, budget: int) -> None:
        self._left = budget

    def clip(self, value: object, depth: int) -> Any:
        self._left -= 1
        if self._left <= 0 or depth > _MAX_DEPTH:
            return "..."
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int):
            # Python refuses to print a huge integer.
            return int(value) if value.bit_length() < 1024 else f"<integer of {value.bit_length()} bits>"
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else repr(float(value))
        if isinstance(value, str):
            return self._take(value[: self._left])
        if isinstance(value, bytes | bytearray):
            return self._take(bytes(value[: self._left]).decode("utf-8", "replace"))
        if isinstance(value, Mapping):
            return self._mapping(value, depth)
        if isinstance(value, Sequence | Set) and not isinstance(value, range | memoryview):
            return self._items(value, depth)
        # Not repr(): what an object of the host says of itself has no limit, and may do work.
        return self._take(str(value) if isinstance(value, _SPOKEN) else f"<{type(value).__name__}>")

    def _take(self, text: str) -> str:
        self._left -= len(text)
        return _clean(text)

    def _mapping(self, value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        copied: dict[str, Any] = {}
        for key, item in value.items():
            if self._left <= 0:
                copied["..."] = "..."
                break
            name = key if isinstance(key, str) else str(self.clip(key, depth + 1))
            copied[self._take(name[: self._left])] = self.clip(item, depth + 1)
        return copied

    def _items(self, value: Sequence[Any] | Set[Any], depth: int) -> list[Any]:
        copied: list[Any] = []
        for item in value:
            if self._left <= 0:
                copied.append("...")
                break
            copied.append(self.clip(item, depth + 1))
        return copied
