"""The ids that a span is started with, whole: the SDK cuts and evicts attributes by its limits before any processor sees them.

Two callers whose ids begin alike would become one. The sampler is asked with the attributes as they were given, just before, on the same thread.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, Final

from rvbbit_otel.attributes import CALLER_ID, SESSION_ID

_IDS: Final = (CALLER_ID, SESSION_ID)
_NONE: Final[Mapping[str, str]] = {}


class _Local(threading.local):
    def __init__(self) -> None:
        self.ids: Mapping[str, str] = _NONE


_local: Final = _Local()


def note(attributes: Mapping[str, Any] | None) -> None:
    """A span is about to start with these attributes."""
    if attributes and (CALLER_ID in attributes or SESSION_ID in attributes):
        _local.ids = {key: value for key in _IDS if isinstance(value := attributes.get(key), str)}
    elif _local.ids:
        _local.ids = _NONE


def whole_ids(given: Mapping[str, Any], held: object) -> Mapping[str, str]:
    """Those ids of the span that now starts which its attributes `held` lost or cut; `given`: what is left of them."""
    ids = _local.ids
    if not ids:
        return _NONE
    _local.ids = _NONE
    room, length = getattr(held, "maxlen", None), getattr(held, "max_value_len", None)
    if room is None and length is None:
        return _NONE
    return {
        key: value
        for key, value in ids.items()
        if (left := given.get(key)) != value and (left is None or (isinstance(left, str) and value.startswith(left)))
    }
