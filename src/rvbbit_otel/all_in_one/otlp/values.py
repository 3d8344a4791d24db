"""Lists and maps of OTLP as JSON text, the same that the collector's ClickHouse exporter writes (`pcommon.Value.AsString`, by Go's encoding/json).

They are read from the wire step by step, since the protobuf library gives up a whole request for one text that is no UTF-8 or for 48 levels,
and takes up to 90 bytes of memory for each byte of empty messages.
"""

from __future__ import annotations

import base64
import math
import struct
from collections.abc import Iterator
from json.encoder import encode_basestring
from typing import Final

from rvbbit_otel.errors import RvbbitOtelError

# Levels of lists and maps; what lies deeper is null. Readers of JSON give up somewhere beyond (Python's at 1,000).
MAX_DEPTH: Final = 100
# Fields of all the messages that one request's lists and maps are made of, two for each thing in a list, four in a map. Less than a microsecond each.
MAX_FIELDS: Final = 2_000_000
# Characters of JSON that they become: a control character is six.
MAX_TEXT: Final = 64 * 1024 * 1024

# What finding a list or a map, and writing it back, costs in fields.
_FOUND: Final = 8
_DOUBLE: Final = struct.Struct("<d")
_STRING, _BOOL, _INT, _DOUBLE_TAG, _LIST, _MAP, _BYTES = 0x0A, 0x10, 0x18, 0x21, 0x2A, 0x32, 0x3A
_ITEM: Final = 0x0A
_KEY, _VALUE = 0x0A, 0x12


class MalformedError(RvbbitOtelError):
    """Bytes that are no protobuf message."""


class TooManyValuesError(RvbbitOtelError):
    """More lists, maps and things in them than one request may hold."""


class Structures:
    """Reads the lists and maps of one request, and counts what that costs and what it had to replace."""

    def __init__(self) -> None:
        """Nothing is read yet."""
        self._fields_left = MAX_FIELDS
        self._text_left = MAX_TEXT
        self.bad_texts = 0
        self.too_deep = 0

    def rendered(self, data: bytes, *, is_map: bool) -> str:
        """An ArrayValue or a KeyValueList as JSON. Raises TooManyValuesError, MalformedError."""
        self._spend(_FOUND)
        text = (self._map_text if is_map else self._list_text)(data, 0, len(data), 1)
        self._text_left -= len(text)
        if self._text_left < 0:
            raise TooManyValuesError(
                f"the body's lists and maps are over {MAX_TEXT} characters of JSON: send fewer spans or records at once"
            )
        return text

    def _list_text(self, data: bytes, start: int, end: int, depth: int) -> str:
        items = [
            self._value(data, first, last, depth) for tag, first, last in self._fields(data, start, end) if tag == _ITEM
        ]
        return f"[{','.join(items)}]"

    def _map_text(self, data: bytes, start: int, end: int, depth: int) -> str:
        """A KeyValueList as JSON, sorted by key; of a key that comes twice, the last counts."""
        pairs: dict[str, str] = {}
        for tag, first, last in self._fields(data, start, end):
            if tag == _ITEM:
                key, value = self._pair(data, first, last, depth)
                pairs[key] = value
        return "{" + ",".join(f"{_quoted(key)}:{pairs[key]}" for key in sorted(pairs)) + "}"

    def _pair(self, data: bytes, start: int, end: int, depth: int) -> tuple[str, str]:
        key, value = "", "null"
        for tag, first, last in self._fields(data, start, end):
            if tag == _KEY:
                key = self.text(data[first:last])
            elif tag == _VALUE:
                value = self._value(data, first, last, depth)
        return key, value

    def text(self, data: bytes) -> str:
        """Text, with replacement characters where it is no UTF-8."""
        try:
            return data.decode()
        except UnicodeDecodeError:
            self.bad_texts += 1
            return _with_replacements(data)

    def _value(self, data: bytes, start: int, end: int, depth: int) -> str:
        """An AnyValue as JSON; of several values, the last counts."""
        text = "null"
        for tag, first, last in self._fields(data, start, end):
            if tag == _STRING:
                text = _quoted(self.text(data[first:last]))
            elif tag == _INT:
                text = str(_signed(_varint(data, first, last)[0]))
            elif tag == _BOOL:
                text = "true" if _varint(data, first, last)[0] else "false"
            elif tag == _DOUBLE_TAG:
                text = _json_number(_DOUBLE.unpack_from(data, first)[0])
            elif tag == _BYTES:
                # The exporter has no empty bytes in a list: Go's decoder makes them nothing.
                text = f'"{base64.b64encode(data[first:last]).decode()}"' if last > first else "null"
            elif tag in (_LIST, _MAP) and depth < MAX_DEPTH:
                text = (self._list_text if tag == _LIST else self._map_text)(data, first, last, depth + 1)
            elif tag in (_LIST, _MAP):
                self.too_deep += 1
                text = "null"
        return text

    def _fields(self, data: bytes, start: int, end: int) -> Iterator[tuple[int, int, int]]:
        for each in fields(data, start, end):
            self._spend(1)
            yield each

    def _spend(self, count: int) -> None:
        self._fields_left -= count
        if self._fields_left < 0:
            raise TooManyValuesError(
                f"the body's lists and maps have over {MAX_FIELDS} parts: send fewer spans or records at once"
            )


def fields(data: bytes | memoryview, pos: int = 0, end: int | None = None) -> Iterator[tuple[int, int, int]]:
    """Tag, start and end of the content of each field; raises MalformedError. A group is passed over."""
    end = len(data) if end is None else end
    groups = 0
    try:
        while pos < end:
            tag = data[pos]
            pos += 1
            if tag > 0x7F:
                tag, pos = _varint(data, pos - 1, end)
            kind = tag & 7
            start = pos
            if kind == 2:
                size = data[pos]
                pos += 1
                if size > 0x7F:
                    size, pos = _varint(data, pos - 1, end)
                start = pos
                pos += size
            elif kind == 0:
                _, pos = _varint(data, pos, end)
            elif kind == 1:
                pos += 8
            elif kind == 5:
                pos += 4
            elif kind == 3:
                groups += 1
                continue
            elif kind == 4 and groups:
                groups -= 1
                continue
            else:
                raise MalformedError("a field of a kind that protobuf has not")
            if pos > end or tag < 8:
                raise MalformedError("a field that ends after its message")
            if not groups:
                yield tag, start, pos
    except IndexError:
        raise MalformedError("a field that ends after its message") from None
    if groups:
        raise MalformedError("a group without an end")


def run_of_fields(data: memoryview, pos: int, tag: int, most: int, largest: int) -> tuple[int, int]:
    """Where the run of fields of this tag ends that begins at `pos`, and how many they are; raises MalformedError.

    It ends where it is longer than `most` bytes, or before a field that is larger than `largest`. A third of the time that `fields` takes.
    """
    first, end, count = pos, len(data), 0
    try:
        while pos < end and data[pos] == tag and pos - first < most:
            size = data[pos + 1]
            start = pos + 2
            if size > 0x7F:
                second = data[start]
                if second > 0x7F:
                    size, start = _varint(data, pos + 1, end)
                else:
                    size, start = size & 0x7F | second << 7, start + 1
            if size > largest:
                break
            if start + size > end:
                raise MalformedError("a field that ends after its message")
            pos = start + size
            count += 1
    except IndexError:
        raise MalformedError("a field that ends after its message") from None
    return pos, count


def number_text(number: float) -> str:
    """A finite double as Go and JavaScript write it: the shortest digits that stand for it, in powers of ten below 1e-6 and from 1e21 on."""
    if number == 0:
        return "-0" if math.copysign(1, number) < 0 else "0"
    sign, shortest = ("-", repr(-number)) if number < 0 else ("", repr(number))
    mantissa, _, power = shortest.partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    # Where the point stands, in digits from their start.
    point = len(whole) + int(power or 0) - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0")
    if abs(number) < 1e-6 or abs(number) >= 1e21:
        rest = f".{digits[1:]}" if len(digits) > 1 else ""
        return f"{sign}{digits[0]}{rest}e{point - 1:+d}"
    if point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    if point >= len(digits):
        return sign + digits.ljust(point, "0")
    return f"{sign}{digits[:point]}.{digits[point:]}"


def _json_number(number: float) -> str:
    if math.isfinite(number):
        return number_text(number)
    # JSON has no such number. As texts, which is how OTLP's own JSON has them; Go's gives up the whole list.
    return '"NaN"' if math.isnan(number) else '"Infinity"' if number > 0 else '"-Infinity"'


def _with_replacements(data: bytes) -> str:
    try:
        # Halves of characters, as Java and JavaScript have them in a text that was cut: two that belong together are one.
        return data.decode("utf-8", "surrogatepass").encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    except UnicodeDecodeError:
        return data.decode(errors="replace")


def _quoted(text: str) -> str:
    quoted: str = encode_basestring(text)
    if "\u2028" in quoted or "\u2029" in quoted:
        quoted = quoted.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return quoted


def _varint(data: bytes | memoryview, pos: int, end: int) -> tuple[int, int]:
    """An unsigned number of 64 bits, and where it ends."""
    number = shift = 0
    while True:
        if pos >= end or shift > 63:
            raise MalformedError("a number that has no end")
        byte = data[pos]
        pos += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number & 0xFFFF_FFFF_FFFF_FFFF, pos
        shift += 7


def _signed(number: int) -> int:
    return number - (1 << 64) if number >> 63 else number
