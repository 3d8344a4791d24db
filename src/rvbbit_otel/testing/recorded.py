"""One span, log record or stored row, with what is known of whose it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from rvbbit_otel.attributes import CALLER_CANDIDATE, CALLER_CONFLICT, CALLER_ID, CALLER_SOURCE, SESSION_ID


@dataclass(frozen=True)
class Recorded:
    """One span, log record or stored row. New in version 0.1.

    name: of the span, or the body of a log record as text.
    caller_id: who triggered it, None if nobody is known. source: how that is known; ``none`` if it is not, ``""`` if
    nothing stamped it.
    session_id: the session that it belongs to, None without one.
    attributes: everything that would leave the process, redacted as it would be.
    """

    name: str
    caller_id: str | None
    source: str
    session_id: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}), repr=False)

    @classmethod
    def of(cls, name: str, attributes: Mapping[str, Any]) -> Recorded:
        """Read the stamp of these attributes."""
        return cls(
            name,
            attributes.get(CALLER_ID) or None,
            str(attributes.get(CALLER_SOURCE, "")),
            attributes.get(SESSION_ID) or None,
            MappingProxyType(dict(attributes)),
        )

    @property
    def why(self) -> str:
        """More about the caller: one that it may be, or one that lost."""
        candidate, conflict = self.attributes.get(CALLER_CANDIDATE), self.attributes.get(CALLER_CONFLICT)
        if candidate:
            return f"may be of {candidate}"
        if conflict:
            return f"{conflict} says so too"
        return "" if self.source else "not stamped: is the instrumentation on?"
