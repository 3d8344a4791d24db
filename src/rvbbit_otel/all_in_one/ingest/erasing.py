"""Erase data from what the all-in-one holds in files: requests in quarantine, and segments of the journal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from rvbbit_otel.all_in_one.engine.engine import quoted
from rvbbit_otel.all_in_one.ingest.ingest import Ingest
from rvbbit_otel.all_in_one.otlp.requests import Request
from rvbbit_otel.all_in_one.otlp.schema import kind_of
from rvbbit_otel.attributes import CALLER_CANDIDATE, CALLER_CONFLICT, CALLER_ID, SESSION_ID, SESSION_PARENT_ID
from rvbbit_otel.counters import Counters
from rvbbit_otel.storage.database import Database
from rvbbit_otel.storage.files import read

# As spans_stated_mv reads them: the first that says one.
_SESSIONS: Final = (
    SESSION_ID,
    "gen_ai.conversation.id",
    "langfuse.session.id",
    "traceloop.association.properties.session_id",
)
_CALLERS_BESIDE: Final = (CALLER_CONFLICT, CALLER_CANDIDATE)
_ERASED: Final = "erased"
# Seconds for what was acknowledged before to be rows.
_WAIT_SECONDS: Final = 30


@dataclass(frozen=True)
class _Gone:
    callers: frozenset[str]
    sessions: frozenset[str]


def take_out(database: Database, ingest: Ingest, counters: Counters) -> None:
    """Take all that was erased out of the files. Raises StoreError, StoreUnavailableError, TimeoutError, OSError.

    A request in quarantine that can't be read stays: `rvbbit-otel quarantine drop` removes it.
    """
    ingest.journal.turn()
    ingest.all_so_far().result(_WAIT_SECONDS)
    ingest.journal.checkpoint()
    for kept in ingest.quarantine.all():
        try:
            request = Request(kept.signal, ingest.quarantine.body(kept), kept.cost)
            left = _without_erased(database, request)
        except (OSError, ValueError, TypeError, KeyError) as error:
            counters.error("erase.quarantine", error)
            continue
        if left is None:
            ingest.quarantine.remove([kept.name])
        elif left != request:
            ingest.quarantine.replace(kept, left)


def _without_erased(database: Database, request: Request) -> Request | None:
    """The request without what was erased, None if nothing else is in it."""
    kind = kind_of(request.signal)
    message = kind.plain.FromString(request.body)
    groups = [group for resource in _resources(request.signal, message) for group in resource]
    said = [dict(_texts(item)) for _, items in groups for item in items]
    gone = _gone(
        database,
        {each[name] for each in said for name in (CALLER_ID, *_CALLERS_BESIDE) if each.get(name)},
        {each[name] for each in said for name in (*_SESSIONS, SESSION_PARENT_ID) if each.get(name)},
    )
    if not gone.callers and not gone.sessions:
        return request
    left = 0
    for _, items in groups:
        staying = [item for item in items if not _is_erased(dict(_texts(item)), gone)]
        for item in staying:
            _mask(item, gone)
        left += len(staying)
        del items[:]
        items.extend(staying)
    return Request(request.signal, message.SerializeToString(), request.cost) if left else None


def _resources(signal: str, message: Any) -> Iterator[list[tuple[Any, Any]]]:
    if signal == "traces":
        for resource in message.resource_spans:
            yield [(scope, scope.spans) for scope in resource.scope_spans]
    else:
        for resource in message.resource_logs:
            yield [(scope, scope.log_records) for scope in resource.scope_logs]


def _texts(item: Any) -> Iterator[tuple[str, str]]:
    for attribute in item.attributes:
        if attribute.value.string_value:
            yield attribute.key, attribute.value.string_value


def _is_erased(said: dict[str, str], gone: _Gone) -> bool:
    session = next((said[name] for name in _SESSIONS if said.get(name)), "")
    return said.get(CALLER_ID, "") in gone.callers or session in gone.sessions


def _mask(item: Any, gone: _Gone) -> None:
    for attribute in item.attributes:
        names_caller = attribute.key in _CALLERS_BESIDE and attribute.value.string_value in gone.callers
        names_session = attribute.key == SESSION_PARENT_ID and attribute.value.string_value in gone.sessions
        if names_caller or names_session:
            attribute.value.string_value = _ERASED


def _gone(database: Database, callers: Iterable[str], sessions: Iterable[str]) -> _Gone:
    rows = database.query(read("erase/which.sql"), {"callers": _array(callers), "sessions": _array(sessions)}).rows
    ((erased_callers, erased_sessions),) = rows
    return _Gone(frozenset(erased_callers), frozenset(erased_sessions))  # type: ignore[call-overload]


def _array(texts: Iterable[str]) -> str:
    return "[" + ",".join(quoted(text) for text in sorted(texts)) + "]"
