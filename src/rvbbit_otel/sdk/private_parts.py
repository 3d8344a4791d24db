"""The SDK's own classes, where they are made of the parts that we reach into.

Asked once, and not for every span. None stands for another version's, which may call them otherwise: it is used by its public ways, which are slower.
"""

from __future__ import annotations

from typing import Any, Final

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.util import BoundedList


def _as_known(kind: type[Any], *parts: str) -> type[Any] | None:
    return kind if vars(kind(1)).keys() >= {*parts} else None


KNOWN_ATTRIBUTES: Final = _as_known(BoundedAttributes, "_dict", "maxlen", "max_value_len")
KNOWN_LIST: Final = _as_known(BoundedList, "_dq", "dropped")
