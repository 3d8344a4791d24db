"""Callers: who triggered the work. Ids have types of their own."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import NewType

from rvbbit_otel.errors import InvalidIdError

CallerId = NewType("CallerId", str)
SessionId = NewType("SessionId", str)

# An id travels in a W3C baggage header, a URL and a terminal, so it keeps to characters that need escaping in none of them.
_CALLER_ID = re.compile(r"[A-Za-z0-9_.:-]{1,128}", re.ASCII)
MAX_CALLER_ID_LENGTH = 128
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
MAX_SESSION_ID_LENGTH = 256
# The metadata is kept for as long as a session lives, and travels once, on the caller's root span.
MAX_METADATA_BYTES = 16_384
DIGEST_LENGTH = 12


def parse_caller_id(text: object) -> CallerId:
    """Return `text` as a caller id; raise InvalidIdError unless it matches ``[A-Za-z0-9_.:-]{1,128}``."""
    if isinstance(text, str) and (known := valid_caller_id(text)) is not None:
        return known
    raise InvalidIdError(f"caller id {_shown(text)} is not 1 to 128 characters of A-Z a-z 0-9 _ . : -")


def valid_caller_id(text: str) -> CallerId | None:
    """The same, None for one that breaks the format."""
    return _matching(text) if len(text) <= MAX_CALLER_ID_LENGTH else None


@lru_cache(maxsize=1024)  # The same few ids are looked at for every span.
def _matching(text: str) -> CallerId | None:
    return CallerId(text) if _CALLER_ID.fullmatch(text) else None


def parse_session_id(text: object) -> SessionId:
    """Return `text` as a session id; raise InvalidIdError unless it is 1 to 256 characters without control characters."""
    # Whatever is printable has no control characters, and that is asked at a fifth of the cost.
    if (
        isinstance(text, str)
        and 0 < len(text) <= MAX_SESSION_ID_LENGTH
        and (text.isprintable() or not _CONTROL.search(text))
    ):
        return SessionId(text)
    raise InvalidIdError(
        f"session id {_shown(text)} is not 1 to {MAX_SESSION_ID_LENGTH} characters without control characters"
    )


def _shown(value: object) -> str:
    if not isinstance(value, str):
        return f"of type {type(value).__name__}"
    return repr(value) if len(value) <= 64 else f"{value[:64]!r}... ({len(value)} characters)"


@dataclass(frozen=True)
class Caller:
    """A caller, who triggered the work: an opaque short id, and metadata about the invocation.

    `metadata_json` is canonical JSON (sorted keys, UTF-8), at most 16 KiB; build one with `Caller.of`.
    """

    id: CallerId
    origin: str = "unknown"
    metadata_json: str = field(default="{}", repr=False)

    @classmethod
    def of(cls, caller_id: object, metadata: object = None, origin: str | None = None) -> Caller:
        """Make a Caller from what a runner hands over.

        `metadata` is a mapping, JSON text of an object, or None. What is not JSON is kept as text under the key
        ``unreadable``; what is over 16 KiB keeps its small values and says so under ``truncated``. `origin` defaults to
        the metadata's ``origin``. Raises InvalidIdError for a bad id, and for nothing else.
        """
        checked = parse_caller_id(caller_id)
        known = _as_mapping(metadata)
        stated = known.get("origin")
        return cls(checked, origin or (stated if isinstance(stated, str) and stated else "unknown"), _canonical(known))

    @property
    def metadata(self) -> Mapping[str, object]:
        """The invocation metadata, read only."""
        return MappingProxyType(json.loads(self.metadata_json))

    # Kept, since each context of a caller's says it; whoever comes at once makes the same. Not a cached_property: before Python 3.12 that takes a
    # lock of the class, and a fork while another thread holds it hangs the child.
    @property
    def digest(self) -> str:
        """Twelve hex characters of the metadata's SHA-256: enough to see that two processes speak of the same invocation."""
        known: str | None = self.__dict__.get("_digest")
        if known is None:
            known = self.__dict__["_digest"] = hashlib.sha256(self.metadata_json.encode()).hexdigest()[:DIGEST_LENGTH]
        return known


def _as_mapping(metadata: object) -> Mapping[str, object]:
    if metadata is None:
        return {}
    if isinstance(metadata, str | bytes | bytearray):
        # Longer text is not parsed at all: a 10 MB body would cost the host a pause for something that is cut anyway.
        if len(metadata) > MAX_METADATA_BYTES:
            return {"truncated": True, "size": len(metadata)}
        try:
            metadata = json.loads(metadata)
        except (ValueError, RecursionError):
            return {"unreadable": str(metadata)[:1024]}
    if isinstance(metadata, Mapping):
        return {str(key): value for key, value in metadata.items()}
    return {"unreadable": str(metadata)[:1024]}


def _canonical(metadata: Mapping[str, object]) -> str:
    text = _dump(metadata)
    if text is None:
        # A value that JSON can't say (a cycle, bytes as keys, NaN) must not cost the values beside it.
        metadata = {key: _spoken(value) for key, value in metadata.items()}
        text = _dump(metadata) or "{}"
    if len(text.encode(errors="replace")) <= MAX_METADATA_BYTES:
        return text
    return _dump(_shortened(metadata)) or "{}"


def _dump(value: object) -> str | None:
    try:
        text = json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False, default=str)
        text.encode()
    except (TypeError, ValueError, RecursionError, UnicodeError):
        return None
    return text


def _spoken(value: object) -> object:
    return value if _dump(value) is not None else str(value)[:1024].encode(errors="replace").decode()


def _shortened(metadata: Mapping[str, object]) -> dict[str, object]:
    kept: dict[str, object] = {"truncated": True}
    left = MAX_METADATA_BYTES - 64
    for key, value in metadata.items():
        if isinstance(value, str) and len(value) > 1024:
            value = value[:1024]
        cost = len((_dump({key: value}) or "").encode())
        if 0 < cost <= left:
            kept[key] = value
            left -= cost
    return kept
