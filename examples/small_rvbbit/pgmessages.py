"""The messages of the Postgres protocol that the server reads and writes, as bytes: no socket, no state.

Formats: https://www.postgresql.org/docs/current/protocol-message-formats.html
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from io import BufferedIOBase
from typing import Any

SSL_REQUEST, GSS_REQUEST, CANCEL_REQUEST, PROTOCOL_3 = 80877103, 80877104, 80877102, 3
# The longest message taken from a client, in bytes: a broken length must not make the server wait for gigabytes.
LONGEST = 64 * 1024 * 1024
TEXT_OID = 25
_BINARY = {16: ">?", 20: ">q", 21: ">h", 23: ">i", 700: ">f", 701: ">d"}
_TEXT_OIDS = frozenset((0, 18, 19, 25, 114, 705, 1042, 1043))


class QueryError(Exception):
    """An error for the client: its SQLSTATE, five characters, and its text."""

    def __init__(self, state: str, text: str) -> None:
        """See the class."""
        super().__init__(text)
        self.state = state


@dataclass(frozen=True)
class Result:
    """What a statement gave: columns as (name, type OID), rows, and the tag of the command. No column means that there are no rows to tell of."""

    columns: Sequence[tuple[str, int]]
    rows: Sequence[Sequence[Any]]
    tag: str


@dataclass(frozen=True)
class Bind:
    """A Bind message; the parameters are values that DuckDB takes."""

    portal: str
    statement: str
    parameters: list[Any]


def read(stream: BufferedIOBase) -> tuple[bytes, bytes]:
    """The next message: its kind and its body. Raises EOFError if the client left, QueryError if the length cannot be one."""
    kind = _exactly(stream, 1)
    return kind, _body(stream)


def read_startup(stream: BufferedIOBase) -> tuple[int, bytes]:
    """A message without a kind, as a connection starts with: its code and the rest. Raises as `read` does."""
    body = _body(stream)
    if len(body) < 4:
        raise QueryError("08P01", "the startup message is too short")
    return struct.unpack_from(">i", body)[0], body[4:]


def startup_parameters(body: bytes) -> dict[str, str]:
    """What a client says of itself when it connects: user, database, and so on."""
    words = body.decode(errors="replace").split("\0")
    return {name: value for name, value in zip(words[::2], words[1::2], strict=False) if name}


def two_texts(body: bytes) -> tuple[str, str, bytes]:
    """Two texts and the rest."""
    first, second, rest = body.split(b"\0", 2)
    return first.decode(), second.decode(), rest


def parse(body: bytes) -> tuple[str, str, list[int]]:
    """A Parse message: the statement's name, its text, the type OIDs of its parameters (0: not said)."""
    name, text, rest = two_texts(body)
    (count,) = struct.unpack_from(">h", rest)
    return name, text, list(struct.unpack_from(f">{count}i", rest, 2))


def bind(body: bytes, statements: dict[str, tuple[str, list[int]]]) -> Bind:
    """A Bind message for one of the statements that were parsed.

    Raises QueryError if there is no such statement, or for a format that is not served: binary results, or a binary parameter of an odd type.
    """
    portal, name, rest = two_texts(body)
    if name not in statements:
        raise QueryError("26000", f'prepared statement "{name}" does not exist')
    oids = statements[name][1]
    formats, at = _shorts(rest, 0)
    (count,) = struct.unpack_from(">h", rest, at)
    at += 2
    values: list[Any] = []
    for index in range(count):
        (length,) = struct.unpack_from(">i", rest, at)
        at += 4
        data = rest[at : at + max(length, 0)]
        at += len(data)
        binary = bool(formats and formats[index if len(formats) > 1 else 0])
        values.append(None if length < 0 else _parameter(data, oids[index] if index < len(oids) else 0, binary))
    if any(_shorts(rest, at)[0]):
        raise QueryError("0A000", "binary results are not served; ask for text")
    return Bind(portal, name, values)


def message(kind: bytes, body: bytes = b"") -> bytes:
    """One message."""
    return kind + struct.pack(">i", len(body) + 4) + body


def text(value: str) -> bytes:
    """A text with its end."""
    return value.replace("\0", "").encode() + b"\0"


def row_description(columns: Sequence[tuple[str, int]]) -> bytes:
    """The columns of a result, or that there are none."""
    if not columns:
        return message(b"n")
    fields = b"".join(text(name) + struct.pack(">ihihih", 0, 0, oid, -1, -1, 0) for name, oid in columns)
    return message(b"T", struct.pack(">h", len(columns)) + fields)


def data_row(row: Sequence[Any]) -> bytes:
    """One row, each value as text."""
    return message(b"D", struct.pack(">h", len(row)) + b"".join(_cell(value) for value in row))


def error(problem: QueryError, severity: str = "ERROR") -> bytes:
    """An error; FATAL tells the client that the connection ends."""
    fields = (("S", severity), ("V", severity), ("C", problem.state), ("M", str(problem)))
    return message(b"E", b"".join(name.encode() + text(value) for name, value in fields) + b"\0")


def _body(stream: BufferedIOBase) -> bytes:
    (length,) = struct.unpack(">i", _exactly(stream, 4))
    if not 4 <= length <= LONGEST:
        raise QueryError("08P01", f"a message of {length} bytes; at most {LONGEST} are taken")
    return _exactly(stream, length - 4)


def _exactly(stream: BufferedIOBase, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data


def _shorts(body: bytes, at: int) -> tuple[tuple[int, ...], int]:
    (count,) = struct.unpack_from(">h", body, at)
    return struct.unpack_from(f">{count}h", body, at + 2), at + 2 + 2 * count


def _parameter(data: bytes, oid: int, binary: bool) -> Any:
    if not binary or oid in _TEXT_OIDS:
        return data.decode()
    if oid not in _BINARY:
        raise QueryError("0A000", f"a binary parameter of type {oid} is not served; send it as text")
    return struct.unpack(_BINARY[oid], data)[0]


def _cell(value: Any) -> bytes:
    if value is None:
        return struct.pack(">i", -1)
    if isinstance(value, bool):
        shown = "t" if value else "f"
    elif isinstance(value, bytes):
        shown = "\\x" + value.hex()
    elif isinstance(value, float) and not math.isfinite(value):
        shown = {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")
    else:
        shown = str(value)
    data = shown.encode()
    return struct.pack(">i", len(data)) + data
