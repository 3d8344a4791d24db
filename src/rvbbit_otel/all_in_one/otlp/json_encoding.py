"""OTLP's JSON to the bytes of the protobuf message that it stands for. https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding

Protobuf's own JSON parser reads ids as base64, where OTLP writes them as hex, fails as a whole for half an emoji, and holds the
interpreter for 1.5 s a megabyte. This one writes the bytes as it goes.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from rvbbit_otel.all_in_one.http.bodies import BodyTooLargeError
from rvbbit_otel.all_in_one.otlp.requests import UnreadableBodyError
from rvbbit_otel.all_in_one.otlp.schema import REQUESTS
from rvbbit_otel.all_in_one.otlp.values import MAX_DEPTH

# Objects and lists of one body: each takes 64 bytes or more once it is read, whatever it takes as text.
MAX_PARTS: Final = 2_000_000
# Messages inside each other: a map in a map is three of them, and a span's values begin at the fifth.
_MAX_MESSAGES: Final = 3 * MAX_DEPTH + 9
# Objects and lists inside each other: a map in a map is four for its three messages.
_MAX_BRACKETS: Final = 2 * _MAX_MESSAGES
# A string is taken as a whole, and one without an end to the end: so each character is looked at once.
_BRACKET: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)
_HEX: Final = frozenset({"trace_id", "span_id", "parent_span_id"})
_NO_ID: Final = b"\0"
_DOUBLE: Final = struct.Struct("<d")
_F = FieldDescriptor


@dataclass(frozen=True)
class _Field:
    """A member of a JSON object as a protobuf field: its tag, whether a length follows, how its value is written,
    and the message type that it holds.
    """

    tag: bytes
    delimited: bool
    write: Callable[[Any], bytes]
    message: Descriptor | None
    repeated: bool


def to_protobuf(signal: str, body: bytes) -> bytes:
    """The body as protobuf bytes; raises UnreadableBodyError or BodyTooLargeError. Takes time: for a thread."""
    if body.count(b"{") + body.count(b"[") > MAX_PARTS:
        raise BodyTooLargeError(
            f"the body holds over {MAX_PARTS} objects and lists: send fewer spans or records at once"
        )
    try:
        # A byte that is no UTF-8 becomes half a character, and both cost only the text that they are in.
        document = _document(body.decode("utf-8-sig", "surrogateescape"))
    except ValueError as error:
        raise UnreadableBodyError(f"the body is no JSON: {error}") from error
    message = REQUESTS[signal].DESCRIPTOR
    try:
        return bytes(_message(message, document, 0))
    except (ValueError, TypeError, OverflowError, AttributeError, struct.error) as error:
        raise UnreadableBodyError(f"the body is no {message.name}: {error}") from error


def _document(text: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError:
        return json.loads(_without_depth(text))


def _without_depth(text: str) -> str:
    """The text with null for each object or list that is deeper than any value that is kept: Python's parser refuses the whole for one."""
    depth = at = 0
    kept: list[str] = []
    for found in _BRACKET.finditer(text):
        bracket = found[0]
        if bracket in ("{", "["):
            depth += 1
            if depth == _MAX_BRACKETS + 1:
                kept += (text[at : found.start()], "null")
        elif bracket in ("}", "]"):
            if depth == _MAX_BRACKETS + 1:
                at = found.end()
            depth -= 1
    if depth:
        raise ValueError("its brackets do not match")
    return "".join((*kept, text[at:]))


def _message(descriptor: Descriptor, value: Any, depth: int) -> bytes | bytearray:
    if depth > _MAX_MESSAGES:
        return b""  # A value deeper than is kept: it has none.
    if not isinstance(value, dict):
        raise TypeError(f"{_shown(value)} where an object must be, for {descriptor.name}")
    known = _fields(descriptor)
    out = bytearray()
    for name, item in value.items():
        field = known.get(name)
        if field is None or item is None:
            continue
        if field.repeated and not isinstance(item, list):
            raise TypeError(f"{_shown(item)} where a list must be, for {name[:40]} of {descriptor.name}")
        for each in item if field.repeated else (item,):
            data = field.write(each) if field.message is None else _message(field.message, each, depth + 1)
            out += field.tag
            if field.delimited:
                out += _varint(len(data))
            out += data
    return out


@cache
def _fields(descriptor: Descriptor) -> Mapping[str, _Field]:
    """The fields of a message, by their names in JSON and in the protocol."""
    found = {}
    for each in descriptor.fields:
        kind, write = _WRITERS.get(each.type, (2, _text))
        if each.type == _F.TYPE_ENUM:
            write = partial(_enum, {name: found.number for name, found in each.enum_type.values_by_name.items()})
        elif each.type == _F.TYPE_BYTES and each.name in _HEX:
            write = _hex
        made = _Field(_varint(each.number << 3 | kind), kind == 2, write, each.message_type, bool(each.is_repeated))
        found[each.name] = found[each.json_name] = made
    return found


def _text(value: Any) -> bytes:
    if not isinstance(value, str):
        raise TypeError(f"{_shown(value)} where a text must be")
    return value.encode("utf-8", "surrogatepass")


def _hex(value: Any) -> bytes:
    """An id; what is none is one of a wrong length, which costs its own span, as it does where ids come as bytes."""
    if not isinstance(value, str):
        raise TypeError(f"{_shown(value)} where an id must be")
    try:
        return bytes.fromhex(value) if " " not in value else _NO_ID
    except ValueError:
        return _NO_ID


def _base64(value: Any) -> bytes:
    if not isinstance(value, str):
        raise TypeError(f"{_shown(value)} where base64 must be")
    try:
        return base64.b64decode(value.replace("-", "+").replace("_", "/") + "=" * (-len(value) % 4), validate=True)
    except binascii.Error as error:
        raise ValueError(f"{_shown(value)} is no base64") from error


def _bool(value: Any) -> bytes:
    if not isinstance(value, bool):
        raise TypeError(f"{_shown(value)} where true or false must be")
    return b"\x01" if value else b"\x00"


def _int(low: int, high: int, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError(f"{_shown(value)} where a number must be")
    number = int(value)
    if isinstance(value, float) and number != value:
        raise ValueError(f"{_shown(value)} where a whole number must be")
    if not low <= number <= high:
        raise ValueError(f"{_shown(value)} is not between {low} and {high}")
    return number


def _signed(low: int, high: int, value: Any) -> bytes:
    return _varint(_int(low, high, value) & 0xFFFF_FFFF_FFFF_FFFF)


def _fixed(size: int, value: Any) -> bytes:
    return _int(0, (1 << 8 * size) - 1, value).to_bytes(size, "little")


def _double(value: Any) -> bytes:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError(f"{_shown(value)} where a number must be")
    return _DOUBLE.pack(float(value))


def _enum(numbers: Mapping[str, int], value: Any) -> bytes:
    return _signed(-(1 << 31), (1 << 31) - 1, numbers.get(value, value) if isinstance(value, str) else value)


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _shown(value: Any) -> str:
    return repr(value)[:60] if isinstance(value, str | int | float | bool) else f"a {type(value).__name__}"


_WRITERS: Final[Mapping[int, tuple[int, Callable[[Any], bytes]]]] = {
    _F.TYPE_STRING: (2, _text),
    _F.TYPE_BYTES: (2, _base64),
    _F.TYPE_BOOL: (0, _bool),
    _F.TYPE_INT32: (0, partial(_signed, -(1 << 31), (1 << 31) - 1)),
    _F.TYPE_INT64: (0, partial(_signed, -(1 << 63), (1 << 63) - 1)),
    _F.TYPE_UINT32: (0, partial(_signed, 0, (1 << 32) - 1)),
    _F.TYPE_UINT64: (0, partial(_signed, 0, (1 << 64) - 1)),
    _F.TYPE_ENUM: (0, _text),
    _F.TYPE_DOUBLE: (1, _double),
    _F.TYPE_FIXED64: (1, partial(_fixed, 8)),
    _F.TYPE_FIXED32: (5, partial(_fixed, 4)),
}
