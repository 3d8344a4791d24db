"""A request as the engine can store it: all of it known, every text UTF-8, lists and maps as JSON text, with a bound on what it costs.

A request that the protobuf library reads may still be one that the engine does not, or one of two megabytes that takes gigabytes. So nothing
goes on as it came: it is read and written again by messages of our own (`otlp_schema`), which leaves out what they do not know. That is C code,
two microseconds a span. Only lists and maps, and texts that are no UTF-8, are looked at one by one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.message import DecodeError

from rvbbit_otel.all_in_one.http.body_errors import BodyTooLargeError
from rvbbit_otel.all_in_one.otlp.costs import BYTE, FIELD, PART, Spent, is_small, shared_cost
from rvbbit_otel.all_in_one.otlp.schema import REQUESTS, Kind, kind_of, strict_class, texts
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
# An exporter's batch of 512 spans is smaller.
CHUNK: Final = 512 * 1024
_STEP: Final = re.compile(r"(\w+)(?:\[(\d+)\])?\.")


class UnreadableBodyError(RvbbitOtelError):
    """A body that is no OTLP request, or that the engine can't store for what it is."""


@dataclass(frozen=True)
class Request:
    """A request that can be stored, once it is prepared.

    signal: ``traces`` or ``logs``.
    body: serialized, as `storage.otlp` takes it; as it came, where `cost` is 0.
    cost: bytes of memory that storing it will take, about; 0 where it is not prepared yet.
    notes: what of its values had to be replaced, in words for its sender; '' if nothing was.
    """

    signal: str
    body: bytes
    cost: int = 0
    notes: str = ""


def checked(signal: str, body: bytes) -> Any:
    """The message of a body of which no more than that it can be read has to be known before it is stored; None if it must be prepared first.

    Where the library reads all of it, every text is UTF-8 and every list and map is whole; where it is small besides, `prepare` can take it. So it is
    prepared when it is stored. Reading takes 0.5 microseconds a span, where `prepare` takes 3.
    """
    if len(body) > CHUNK:
        return None
    try:
        message = REQUESTS[signal].FromString(body)
    except DecodeError:
        return None
    return message if is_small(message, len(body)) else None


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


def prepared(request: Request) -> Request:
    """A request as it can be stored: the same if it is. Raises as `prepare` does."""
    return request if request.cost or not request.body else prepare(request.signal, request.body)


class _Work:
    """What reading one request has cost so far."""

    def __init__(self) -> None:
        self._spent = Spent()
        self._structures = Structures()

    @property
    def cost(self) -> int:
        return self._spent.cost

    def notes(self) -> str:
        notes = []
        if self._structures.bad_texts:
            notes.append(f"{self._structures.bad_texts} texts that are no UTF-8 have replacement characters")
        if self._structures.too_deep:
            notes.append(f"{self._structures.too_deep} lists or maps deeper than {MAX_DEPTH} are null")
        return "; ".join(notes)

    def read(self, kind: Kind, data: memoryview) -> tuple[bytes, int]:
        """A message as it can be stored, and how many rows it is."""
        if len(data) <= CHUNK or not kind.children:
            return self._read_whole(kind, data)
        out: list[bytes] = []
        rows = shared = pos = 0
        # Of a message that comes once, the parts that are sent are one after the other the whole.
        single: dict[int, bytearray] = {}
        rest = bytearray()
        while pos < len(data):
            child, several = kind.children.get(data[pos], (None, False))
            if child is not None and several:
                after, count = run_of_fields(data, pos, data[pos], CHUNK, CHUNK)
                if count:
                    self._spent.spend(PART + FIELD * count)
                    read, found = self._read_whole(kind, data[pos:after])
                    out.append(read)
                    rows += found
                    pos = after
                    continue
            self._spent.spend(FIELD)
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
            shared += shared_cost(child_kind, read)
        read, _ = self._read_whole(kind, rest)
        out.append(read)
        rows += kind.name in ("Span", "LogRecord")
        self._spent.spend(rows * shared)
        return b"".join(out), rows

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
        self._spent.spend(BYTE * len(read))
        return read, self._spent.tally(kind.name, message)

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
