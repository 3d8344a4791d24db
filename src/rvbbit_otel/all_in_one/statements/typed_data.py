"""Looks at the types that the data of an INSERT names itself, before the engine does: a type may hold a time zone, by any path.

Of the formats that are taken, two name types: RowBinaryWithNamesAndTypes at its begin, Native before each column of each block, so what stands
between has to be walked over. https://clickhouse.com/docs/interfaces/formats/Native, for clients that name no protocol version.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from rvbbit_otel.all_in_one.statements.refusals import denied
from rvbbit_otel.all_in_one.statements.type_names import is_harmless_type

_FIXED: Final = {
    **dict.fromkeys(("Bool", "Int8", "UInt8", "Enum8"), 1),
    **dict.fromkeys(("Int16", "UInt16", "Enum16", "Date"), 2),
    **dict.fromkeys(("Int32", "UInt32", "Float32", "Date32", "DateTime", "IPv4", "Decimal32"), 4),
    **dict.fromkeys(("Int64", "UInt64", "Float64", "DateTime64", "Decimal64"), 8),
    **dict.fromkeys(("Int128", "UInt128", "UUID", "IPv6", "Decimal128"), 16),
    **dict.fromkeys(("Int256", "UInt256", "Decimal256"), 32),
}
# The most names, rows and columns that the engine itself takes for meant.
_MOST_COLUMNS, _MOST_ROWS = 10_000, 10**8
_DEEPEST = 10
# Of a dictionary: its keys are here; and all that is neither that, nor the size of an index, nor "these keys are new".
_HAS_KEYS, _OTHER_FLAGS = 1 << 9, ~((1 << 9) | (1 << 10) | 0xFF)


@dataclass(frozen=True)
class _Type:
    name: str
    inner: tuple[_Type, ...] = ()
    size: int = 0


def check_types(data: bytes, format_name: str, is_zone: Callable[[str], bool]) -> None:
    """Raise EngineError for data that names a type which may lead to a file, or whose types can't be read."""
    if format_name not in ("Native", "RowBinaryWithNamesAndTypes"):
        return
    walk = _Walk(data, is_zone)
    try:
        if format_name == "Native":
            deque(walk.blocks(), 0)
        else:
            walk.header()
    except (IndexError, ValueError) as error:
        raise denied(f"the data is no {format_name} that can be taken here ({error}): send JSONEachRow") from error


def block_ends(data: bytes) -> Iterator[int]:
    """Yield the end of each block in an answer of the engine's, whose types are simple ones."""
    return _Walk(data, lambda _: True).blocks()


class _Walk:
    def __init__(self, data: bytes, is_zone: Callable[[str], bool]) -> None:
        self._data = data
        self._is_zone = is_zone
        self._at = 0
        self._known: dict[str, _Type] = {}

    def header(self) -> None:
        count = self._number(_MOST_COLUMNS)
        for _ in range(count):
            self._text()
        for _ in range(count):
            self._type(self._text())

    def blocks(self) -> Iterator[int]:
        while self._at < len(self._data):
            columns, rows = self._number(_MOST_COLUMNS), self._number(_MOST_ROWS)
            for _ in range(columns):
                self._text()
                kind = self._type(self._text())
                if rows:
                    self._begin(kind)
                    self._skip(kind, rows)
            yield self._at

    def _begin(self, kind: _Type) -> None:
        """Before the rows of a column comes a version for each dictionary in it."""
        if kind.name == "LowCardinality":
            if self._word() != 1:
                raise ValueError("an unknown kind of dictionary")
        else:
            for inner in kind.inner:
                self._begin(inner)

    def _skip(self, kind: _Type, rows: int) -> None:
        if kind.size:
            self._jump(kind.size * rows)
        elif kind.name == "String":
            self._strings(rows)
        elif kind.name == "LowCardinality":
            self._dictionary(kind.inner[0], rows)
        elif kind.name == "Nullable":
            self._jump(rows)
            self._skip(kind.inner[0], rows)
        elif kind.name in ("Array", "Map"):
            self._jump(8 * (rows - 1) if rows else 0)
            inside = self._word() if rows else 0
            if inside > _MOST_ROWS:
                raise ValueError("too many values in arrays")
            for inner in kind.inner:
                self._skip(inner, inside)
        else:  # A Tuple
            for inner in kind.inner:
                self._skip(inner, rows)

    def _dictionary(self, kind: _Type, rows: int) -> None:
        while rows > 0:
            flags = self._word()
            if flags & _OTHER_FLAGS or not flags & _HAS_KEYS or flags & 0xFF > 3:
                raise ValueError("an unknown kind of dictionary")
            # Of a nullable type the keys are the type itself; the first stands for NULL.
            self._skip(kind.inner[0] if kind.name == "Nullable" else kind, self._word(_MOST_ROWS))
            here = self._word(_MOST_ROWS)
            self._jump(here << (flags & 0xFF))
            if here == 0:
                raise ValueError("an empty dictionary")
            rows -= here

    def _strings(self, count: int) -> None:
        data, at = self._data, self._at
        for _ in range(count):
            length = data[at]
            at += 1
            if length > 0x7F:
                length &= 0x7F
                shift = 7
                while data[at] > 0x7F:
                    length |= (data[at] & 0x7F) << shift
                    shift += 7
                    at += 1
                length |= data[at] << shift
                at += 1
            at += length
        self._at = at
        self._jump(0)

    def _type(self, text: str) -> _Type:
        kind = self._known.get(text)
        if kind is None:
            if not is_harmless_type(text, self._is_zone):
                raise denied(f"data of the type {text[:80]} is not taken here")
            kind = self._known[text] = _read_type(text, 0)
        return kind

    def _text(self) -> str:
        length = self._number(64 * 1024)
        start = self._at
        self._jump(length)
        return self._data[start : self._at].decode()

    def _number(self, most: int) -> int:
        number = shift = 0
        while True:
            byte = self._data[self._at]
            self._at += 1
            number |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
            if shift > 63:
                raise ValueError("a number that is too long")
        if number > most:
            raise ValueError(f"{number} is more than may be")
        return number

    def _word(self, most: int = 2**64) -> int:
        start = self._at
        self._jump(8)
        word = int.from_bytes(self._data[start : self._at], "little")
        if word > most:
            raise ValueError(f"{word} is more than may be")
        return word

    def _jump(self, size: int) -> None:
        self._at += size
        if self._at > len(self._data):
            raise ValueError("it ends in the middle")


def _read_type(text: str, depth: int) -> _Type:
    name, bracket, rest = text.strip().partition("(")
    name = name.strip()
    arguments = list(_arguments(rest.strip().removesuffix(")"))) if bracket else []
    if depth > _DEEPEST:
        raise ValueError("types inside types, too deep")
    if name == "FixedString":
        return _Type(name, (), int(arguments[0]))
    if name == "Decimal":
        return _Type(
            name, (), next(size for most, size in ((9, 4), (18, 8), (38, 16), (76, 32)) if int(arguments[0]) <= most)
        )
    if name in _FIXED:
        return _Type(name, (), _FIXED[name])
    if name == "String":
        return _Type(name)
    if name in ("Array", "Nullable", "LowCardinality", "Map", "Tuple") and arguments:
        return _Type(name, tuple(_read_type(_unnamed(each, name), depth + 1) for each in arguments))
    raise ValueError(f"the type {text[:40]}")


def _unnamed(argument: str, of: str) -> str:
    """A Tuple's elements may have names."""
    before, space, after = argument.strip().partition(" ")
    return after if of == "Tuple" and space and "(" not in before else argument


def _arguments(text: str) -> Iterator[str]:
    depth = start = 0
    quote = ""
    for at, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'`\"":
            quote = letter
        elif letter == "(":
            depth += 1
        elif letter == ")":
            depth -= 1
        elif letter == "," and depth == 0:
            yield text[start:at]
            start = at + 1
    yield text[start:]
