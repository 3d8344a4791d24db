"""Estimate the memory, in bytes, that the engine needs to store a request, before it is stored: the size of the
request says little of that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from rvbbit_otel.all_in_one.http.body_errors import BodyTooLargeError
from rvbbit_otel.all_in_one.otlp.schema import Kind

# Bytes of memory that the engine takes to store one request, at most: about what two seconds of its time fill. 20 MiB of usual spans are half of it.
MAX_COST: Final = 768 * 1024 * 1024
# What each thing adds to that (2 cores, chDB 4.4: the resident memory of one insert of a million of them).
_ROW, _ATTRIBUTE, _EVENT, _LINK, _SHARED_ATTRIBUTE, BYTE = 1000, 340, 200, 250, 32, 8
# A field of a message that is read field by field, and a run of them that is read in one go: what they take is time.
FIELD, PART = 1000, 5000
# An attribute, the most costly thing for its bytes beside rows and groups of rows, takes two bytes at least; and one byte of a list or a map may
# become six of JSON, which are one text.
_MOST_A_BYTE: Final = _ATTRIBUTE // 2 + 6 * BYTE
_MOST_A_SHARED_BYTE: Final = _SHARED_ATTRIBUTE // 2 + 6
# Rows and groups of rows of a small request: what is looked at of each takes half a microsecond.
_FEW: Final = 4096


class Spent:
    """The cost of one request, counted so far."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.cost = 0

    def spend(self, cost: int) -> None:
        """Add to it; raises BodyTooLargeError where it is too much."""
        self.cost += cost
        if self.cost > MAX_COST:
            raise BodyTooLargeError(
                f"storing the body would take over {MAX_COST} bytes of memory: send fewer spans or records at once, or a smaller resource"
            )

    def tally(self, name: str, message: Any) -> int:
        """Add what a message of the kind of this name costs beside its bytes. How many rows it is."""
        tally = _TALLIES.get(name)
        return tally(self, message) if tally else 0


def is_small(message: Any, size: int) -> bool:
    """Whether a request of `size` bytes surely costs less than it may, and has few rows. Looks at no row."""
    groups = _groups(message)
    things, most = len(groups), _MOST_A_BYTE * size
    if things > _FEW:
        return False
    for group in groups:
        scopes = _scopes(group)
        things += len(scopes)
        if things > _FEW:
            return False
        rows = 0
        for scope in scopes:
            count = len(_rows(scope))
            rows += count
            if scope.HasField("scope"):
                most += count * _MOST_A_SHARED_BYTE * scope.scope.ByteSize()
        if group.HasField("resource"):
            most += rows * _MOST_A_SHARED_BYTE * group.resource.ByteSize()
        things += rows
    return things <= _FEW and most + things * max(_ROW, FIELD) <= MAX_COST


def shared_cost(kind: Kind, read: bytes) -> int:
    """Return what a resource or a scope adds to each row, since every row gets a copy of it."""
    if kind.name not in ("Resource", "InstrumentationScope"):
        return 0
    return len(read) + _SHARED_ATTRIBUTE * len(kind.plain.FromString(read).attributes)


def _groups(request: Any) -> Any:
    return request.resource_spans if hasattr(request, "resource_spans") else request.resource_logs


def _scopes(group: Any) -> Any:
    return group.scope_spans if hasattr(group, "scope_spans") else group.scope_logs


def _rows(scope: Any) -> Any:
    return scope.spans if hasattr(scope, "spans") else scope.log_records


def _shared(message: Any) -> int:
    size: int = message.ByteSize() + _SHARED_ATTRIBUTE * len(message.attributes)
    return size


def _tally_request(spent: Spent, message: Any) -> int:
    return sum(_tally_resource(spent, each) for each in _groups(message))


def _tally_resource(spent: Spent, message: Any) -> int:
    spent.spend(FIELD)
    rows = sum(_tally_scope(spent, each) for each in _scopes(message))
    if message.HasField("resource"):
        spent.spend(rows * _shared(message.resource))
    return rows


def _tally_scope(spent: Spent, message: Any) -> int:
    spent.spend(FIELD)
    of_scope = _rows(message)
    cost = 0
    if hasattr(message, "spans"):
        for span in of_scope:
            cost += _span_cost(span)
    else:
        for record in of_scope:
            cost += _ROW + _ATTRIBUTE * len(record.attributes)
    rows = len(of_scope)
    spent.spend(cost)
    if message.HasField("scope"):
        spent.spend(rows * _shared(message.scope))
    return rows


def _span_cost(span: Any) -> int:
    events, links = span.events, span.links
    cost = _ROW + _ATTRIBUTE * len(span.attributes)
    if events:
        cost += sum(_EVENT + _ATTRIBUTE * len(each.attributes) for each in events)
    if links:
        cost += sum(_LINK + _ATTRIBUTE * len(each.attributes) for each in links)
    return cost


def _tally_span(spent: Spent, message: Any) -> int:
    spent.spend(_span_cost(message))
    return 0  # The span itself is counted once, however many parts it is read in.


def _tally_attributes(spent: Spent, message: Any) -> int:
    spent.spend(_ATTRIBUTE * len(message.attributes))
    return 0


_TALLIES: Final[Mapping[str, Callable[[Spent, Any], int]]] = {
    "ExportTraceServiceRequest": _tally_request,
    "ExportLogsServiceRequest": _tally_request,
    "ResourceSpans": _tally_resource,
    "ResourceLogs": _tally_resource,
    "ScopeSpans": _tally_scope,
    "ScopeLogs": _tally_scope,
    "Span": _tally_span,
    "Event": _tally_attributes,
    "Link": _tally_attributes,
    "LogRecord": _tally_attributes,
    "Resource": _tally_attributes,
    "InstrumentationScope": _tally_attributes,
}
