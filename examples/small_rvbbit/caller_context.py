"""Who triggered the work, as this runner knows it: one ContextVar.

DuckDB runs UDFs on threads of its own, which have an empty context: there `get_caller_id` is None. That is the defect of such runners, left in.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from contextvars import ContextVar

_ADJECTIVES = ("brave", "calm", "clever", "eager", "gentle", "keen", "lucid", "quick", "sly", "warm")
_ANIMALS = ("badger", "crane", "fox", "hare", "heron", "lynx", "otter", "owl", "raven", "wren")

_current: ContextVar[tuple[str, Mapping[str, object]] | None] = ContextVar("small_rvbbit_caller", default=None)


def new_caller_id(origin: str) -> str:
    """An id such as ``sql-clever-fox-abc123``."""
    return f"{origin}-{secrets.choice(_ADJECTIVES)}-{secrets.choice(_ANIMALS)}-{secrets.token_hex(3)}"


def set_caller_context(caller_id: str, metadata: Mapping[str, object], connection_id: str | None = None) -> None:
    """From here on, in this thread, work belongs to this caller."""
    _current.set((caller_id, metadata))


def clear_caller_context(connection_id: str | None = None) -> None:
    """From here on work belongs to nobody."""
    _current.set(None)


def get_caller_id() -> str | None:
    """The caller of this thread, None where nobody knows."""
    known = _current.get()
    return known[0] if known else None


def get_invocation_metadata() -> Mapping[str, object] | None:
    """What is known of the invocation."""
    known = _current.get()
    return known[1] if known else None
