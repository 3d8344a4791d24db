"""A request as the engine can store it: all of it known, every text UTF-8, lists and maps as JSON text, with a bound on what it costs.

A request that the protobuf library reads may still be one that the engine does not, or one of two megabytes that takes gigabytes. So nothing
goes on as it came: it is read and written again by messages of our own (`otlp_schema`), which leaves out what they do not know. That is C code,
two microseconds a span. Only lists and maps, and texts that are no UTF-8, are looked at one by one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.message import DecodeError

from rvbbit_otel.all_in_one.http.bodies import BodyTooLargeError
from rvbbit_otel.all_in_one.otlp.schema import Kind, kind_of, strict_class, texts
from rvbbit_otel.all_in_one.otlp.values import (
    MAX_DEPTH,
    MalformedError,
    Structures,
    TooManyValuesError,
    fields,
    run_of_fields,
)
from rvbbit_otel.errors import RvbbitOtelError

# Bytes that are read in one go: the library takes up to 90 bytes of memory for each of them, and the interpreter does nothing else meanwhile.
_CHUNK: Final = 256 * 1024
# Bytes of memory that the engine takes to store one request, at most: about what two seconds of its time fill. 20 MiB of usual spans are half of it.
MAX_COST: Final = 768 * 1024 * 1024
# What each thing adds to that (2 cores, chDB 4.4: the resident memory of one insert of a million of them).
_ROW, _ATTRIBUTE, _EVENT, _LINK, _SHARED_ATTRIBUTE, _BYTE = 1000, 340, 200, 250, 32, 8
# A field of a message that is read field by field, and a run of them that is read in one go: what they take is time.
_FIELD, _PART = 1000, 5000
_STEP: Final = re.compile(r"(\w+)(?:\[(\d+)\])?\.")


class UnreadableBodyError(RvbbitOtelError):
    """A body that is no OTLP request, or that the engine can't store for what it is."""


@dataclass(frozen=True)
class Request:
    """A request that can be stored.

    signal: ``traces`` or ``logs``.
    body: serialized, as `storage.otlp` takes it.
    cost: bytes of memory that storing it will take, about.
    notes: what of its values had to be replaced, in words for its sender; '' if nothing was.
    """

    signal: str
    body: bytes
    cost: int = 0
    notes: str = ""


def prepare(signal: str, body: bytes) -> Request:
    """A body as it can be stored; raises UnreadableBodyError, or BodyTooLargeError where it would cost too much. Takes time: for a thread."""
    kind = kind_of(signal)
    work = _Work()
    try:
        prepared, _ = work.read(kind, memoryview(body))
    except (DecodeError, MalformedError) as error:
        raise UnreadableBodyError(f"the body is no {kind.name}: {error}") from error
    except TooManyValuesError as error:
        raise BodyTooLargeError(str(error)) from error
    return Request(signal, prepared, work.cost, work.notes())


class _Work:
    """What reading one request has cost so far."""

    def __init__(self) -> None:
        self.cost = 0
        self._structures = Structures()

    def notes(self) -> str:
        notes = []
        if self._structures.bad_texts:
            notes.append(f"{self._structures.bad_texts} texts that are no UTF-8 have replacement characters")
        if self._structures.too_deep:
            notes.append(f"{self._structures.too_deep} lists or maps deeper than {MAX_DEPTH} are null")
        return "; ".join(notes)

    def read(self, kind: Kind, data: memoryview) -> tuple[bytes, int]:
        """A message as it can be stored, and how many rows it is."""
        if len(data) <= _CHUNK or not kind.children:
            return self._read_whole(kind, data)
        out: list[bytes] = []
        rows = shared = pos = 0
        # Of a message that comes once, the parts that are sent are one after the other the whole.
        single: dict[int, bytearray] = {}
        rest = bytearray()
        while pos < len(data):
            child, several = kind.children.get(data[pos], (None, False))
            if child is not None and several:
                after, count = run_of_fields(data, pos, data[pos], _CHUNK, _CHUNK)
                if count:
                    self.spend(_PART + _FIELD * count)
                    read, found = self._read_whole(kind, data[pos:after])
                    out.append(read)
                    rows += found
                    pos = after
                    continue
            self.spend(_FIELD)
            tag, start, after = next(fields(data, pos), (0, len(data), len(data)))
            child, several = kind.children.get(tag, (None, False))
            if child is not None and several:
                read, found = self.read(child, data[start:after])
                out += (_head(tag, len(read)), read)
                rows += found
            elif child is not None:
                single.setdefault(tag, bytearray()).extend(data[start:after])
            elif tag in kind.known:
                rest += data[pos:after]
            pos = after
        for tag, whole in single.items():
            child_kind = kind.children[tag][0]
            read, _ = self.read(child_kind, memoryview(whole))
            out += (_head(tag, len(read)), read)
            shared += _shared_cost(child_kind, read)
        read, _ = self._read_whole(kind, rest)
        out.append(read)
        rows += kind.name in ("Span", "LogRecord")
        self.spend(rows * shared)
        return b"".join(out), rows

    def spend(self, cost: int) -> None:
        self.cost += cost
        if self.cost > MAX_COST:
            raise BodyTooLargeError(
                f"storing the body would take over {MAX_COST} bytes of memory: send fewer spans or records at once, or a smaller resource"
            )

    def _read_whole(self, kind: Kind, data: memoryview | bytearray | bytes) -> tuple[bytes, int]:
        if not data:
            return b"", 0
        try:
            message = kind.plain.FromString(data)
        except DecodeError:
            data = self._with_texts(kind, data)
            message = kind.plain.FromString(data)
        message.DiscardUnknownFields()
        read: bytes = message.SerializePartialToString()
        if len(read) != len(data):  # There are lists or maps, or what the protocol does not know.
            read = self._with_structures(kind, data)
        self.spend(_BYTE * len(read))
        tally = _TALLIES.get(kind.name)
        return read, tally(self, message) if tally else 0

    def _with_texts(self, kind: Kind, data: memoryview | bytearray | bytes) -> bytes:
        message = kind.lenient.FromString(data)
        self._mend(message)
        mended: bytes = message.SerializePartialToString()
        return mended

    def _mend(self, message: Any) -> None:
        for field, value in message.ListFields():
            if field.message_type is not None:
                strict = strict_class(field.message_type.full_name)
                for each in value if field.is_repeated else (value,):
                    if not _is_readable(strict, each.SerializePartialToString()):
                        self._mend(each)
            elif field.full_name in texts():
                setattr(message, field.name, self._structures.text(value).encode())

    def _with_structures(self, kind: Kind, data: memoryview | bytearray | bytes) -> bytes:
        message = kind.rich.FromString(data)
        for path in message.FindInitializationErrors():
            *steps, (name, _) = _STEP.findall(path)
            value = message
            for step, index in steps:
                value = getattr(value, step)
                if index:
                    value = value[int(index)]
            # It has read nothing of what it holds, so that is what it gives.
            inside = getattr(value, name).SerializePartialToString()
            value.string_value = self._structures.rendered(inside, is_map=name == "kvlist_value")
        message.DiscardUnknownFields()
        read: bytes = message.SerializePartialToString()
        return read


def _is_readable(kind: Any, data: bytes) -> bool:
    try:
        kind.FromString(data)
    except DecodeError:
        return False
    return True


def _head(tag: int, size: int) -> bytes:
    out = bytearray()
    for number in (tag, size):
        while number > 0x7F:
            out.append(number & 0x7F | 0x80)
            number >>= 7
        out.append(number)
    return bytes(out)


def _shared_cost(kind: Kind, read: bytes) -> int:
    """What a resource or a scope adds to each row, which gets a copy of it."""
    if kind.name not in ("Resource", "InstrumentationScope"):
        return 0
    return len(read) + _SHARED_ATTRIBUTE * len(kind.plain.FromString(read).attributes)


def _shared(message: Any) -> int:
    size: int = message.ByteSize() + _SHARED_ATTRIBUTE * len(message.attributes)
    return size


def _tally_request(work: _Work, groups: Any) -> int:
    return sum(_tally_resource(work, each) for each in groups)


def _tally_resource(work: _Work, message: Any) -> int:
    work.spend(_FIELD)
    scopes = message.scope_spans if hasattr(message, "scope_spans") else message.scope_logs
    rows = sum(_tally_scope(work, each) for each in scopes)
    if message.HasField("resource"):
        work.spend(rows * _shared(message.resource))
    return rows


def _tally_scope(work: _Work, message: Any) -> int:
    work.spend(_FIELD)
    if hasattr(message, "spans"):
        rows, cost = len(message.spans), 0
        for span in message.spans:
            cost += _span_cost(span)
    else:
        rows, cost = len(message.log_records), 0
        for record in message.log_records:
            cost += _ROW + _ATTRIBUTE * len(record.attributes)
    work.spend(cost)
    if message.HasField("scope"):
        work.spend(rows * _shared(message.scope))
    return rows


def _span_cost(span: Any) -> int:
    events, links = span.events, span.links
    cost = _ROW + _ATTRIBUTE * len(span.attributes)
    if events:
        cost += sum(_EVENT + _ATTRIBUTE * len(each.attributes) for each in events)
    if links:
        cost += sum(_LINK + _ATTRIBUTE * len(each.attributes) for each in links)
    return cost


def _tally_span(work: _Work, message: Any) -> int:
    work.spend(_span_cost(message))
    return 0  # The span itself is counted once, however many parts it is read in.


def _tally_attributes(work: _Work, message: Any) -> int:
    work.spend(_ATTRIBUTE * len(message.attributes))
    return 0


_TALLIES: Mapping[str, Callable[[_Work, Any], int]] = {
    "ExportTraceServiceRequest": lambda work, message: _tally_request(work, message.resource_spans),
    "ExportLogsServiceRequest": lambda work, message: _tally_request(work, message.resource_logs),
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
