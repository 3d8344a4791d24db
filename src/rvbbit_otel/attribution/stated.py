"""The ids that a span is started with, whole: the SDK cuts and evicts attributes by its limits before any processor sees them.

Two callers whose ids begin alike would become one. The sampler is asked with the attributes as they were given, just before, on the same thread.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, Final

from rvbbit_otel.attributes import CALLER_ID, SESSION_ID

# Attributes that a span may be started with before it is looked whether the SDK has evicted one: half of its default limit.
MANY: Final = 64
_IDS: Final = (CALLER_ID, SESSION_ID)
_NONE: Final[Mapping[str, str]] = {}


class _Local(threading.local):
    def __init__(self) -> None:
        self.ids: Mapping[str, str] = _NONE


_local: Final = _Local()


def may_cut(limits: object) -> bool:
    """Return whether these SDK limits can cut an id, or evict one of fewer than `MANY` attributes; true where the
    limits are not known.
    """
    most = getattr(limits, "max_span_attributes", 0)
    return getattr(limits, "max_span_attribute_length", 0) is not None or (most is not None and most < MANY)


def note(attributes: Mapping[str, Any]) -> None:
    """A span is about to start with these attributes."""
    _local.ids = {key: value for key in _IDS if isinstance(value := attributes.get(key), str)}


def whole_ids(given: Mapping[str, Any]) -> Mapping[str, str]:
    """Those ids of the span that now starts which an SDK's limit evicted or cut; `given`: what is left of its attributes."""
    ids, _local.ids = _local.ids, _NONE
    return {
        key: value
        for key, value in ids.items()
        if (left := given.get(key)) != value and (left is None or (isinstance(left, str) and value.startswith(left)))
    }
