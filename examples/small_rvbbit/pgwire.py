"""The server's side of the Postgres protocol, as much of it as psql and psycopg use: simple and extended queries, text format, no passwords.

Own code because no library fits: buenavista 0.5.0 brings FastAPI, pydantic and (by them) OpenTelemetry into the process that must be free of it;
riffq 0.1.11 does not build here. Messages: https://www.postgresql.org/docs/current/protocol-message-formats.html
"""

from __future__ import annotations

import socketserver
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

_SSL_REQUEST, _GSS_REQUEST, _CANCEL_REQUEST = 80877103, 80877104, 80877102
_INTEGER_OIDS = {20: ">q", 21: ">h", 23: ">i"}
TEXT_OID = 25


@dataclass(frozen=True)
class Result:
    """What a query gave: columns as (name, type OID), rows, and the tag of the command."""

    columns: Sequence[tuple[str, int]]
    rows: Sequence[Sequence[Any]]
    tag: str


class QueryError(Exception):
    """An error for the client: its SQLSTATE and its text."""

    def __init__(self, state: str, text: str) -> None:
        """`state` is five characters."""
        super().__init__(text)
        self.state = state


# Runs one query: (text, parameters, "simple" or "extended").
Execute = Callable[[str, Sequence[Any], str], Result]


class PgHandler(socketserver.StreamRequestHandler):
    """One client."""

    wbufsize = -1

    def connect(self, startup: dict[str, str]) -> Execute:
        """Called once a client; a subclass returns what runs its queries."""
        raise NotImplementedError

    def disconnect(self) -> None:
        """Called when the client is gone."""

    def handle(self) -> None:
        """Serve the client until it leaves."""
        startup = self._startup()
        if startup is None:
            return
        self._execute = self.connect(startup)
        try:
            self._serve()
        except (ConnectionError, EOFError):
            pass  # The client went away, as it may.
        finally:
            self.disconnect()

    def _startup(self) -> dict[str, str] | None:
        while True:
            (length, code) = struct.unpack(">ii", _exactly(self.rfile, 8))
            body = _exactly(self.rfile, length - 8)
            if code == _CANCEL_REQUEST:
                return None
            if code not in (_SSL_REQUEST, _GSS_REQUEST):
                break
            self.wfile.write(b"N")
            self.wfile.flush()
        words = body.decode().rstrip("\0").split("\0")
        self._send(b"R", struct.pack(">i", 0))
        for name, value in (
            ("server_version", "15.0"),
            ("server_encoding", "UTF8"),
            ("client_encoding", "UTF8"),
            ("DateStyle", "ISO"),
            ("integer_datetimes", "on"),
            ("standard_conforming_strings", "on"),
        ):
            self._send(b"S", _text(name) + _text(value))
        self._send(b"K", struct.pack(">ii", 0, 0))
        self._ready()
        return dict(zip(words[::2], words[1::2], strict=False))

    def _serve(self) -> None:
        statements: dict[str, tuple[str, list[int]]] = {}
        portals: dict[str, tuple[str, list[Any]]] = {}
        results: dict[str, Result] = {}
        failed = False
        while True:
            kind = _exactly(self.rfile, 1)
            body = _exactly(self.rfile, struct.unpack(">i", _exactly(self.rfile, 4))[0] - 4)
            if kind == b"X":
                return
            if kind == b"S":
                failed = False
                self._ready()
                continue
            if kind == b"H":
                self.wfile.flush()
                continue
            if failed:
                continue  # After an error everything up to the Sync is skipped.
            try:
                if kind == b"Q":
                    self._simple(body[:-1].decode())
                elif kind == b"P":
                    name, text, rest = _two_texts(body)
                    statements[name] = (text, list(struct.unpack(f">{(len(rest) - 2) // 4}i", rest[2:])))
                    self._send(b"1")
                elif kind == b"B":
                    portal, statement, rest = _two_texts(body)
                    text, oids = statements[statement]
                    portals[portal] = (text, _parameters(rest, oids))
                    results.pop(portal, None)
                    self._send(b"2")
                elif kind == b"D" and body[:1] == b"S":
                    oids = statements[body[1:-1].decode()][1]
                    self._send(b"t", struct.pack(f">h{len(oids)}i", len(oids), *oids))
                    self._send(b"n")
                elif kind in (b"D", b"E"):
                    # A portal's columns are known only once it has run: so it runs when it is described.
                    portal = (body[1:] if kind == b"D" else body).split(b"\0", 1)[0].decode()
                    if portal not in results:
                        results[portal] = self._execute(*portals[portal], "extended")
                    if kind == b"D":
                        self._describe(results[portal])
                    else:
                        self._rows(results.pop(portal))
                elif kind == b"C":
                    (statements if body[:1] == b"S" else portals).pop(body[1:-1].decode(), None)  # type: ignore[attr-defined]
                    self._send(b"3")
                else:
                    raise QueryError("0A000", f"message {kind!r} is not served here")
            except QueryError as error:
                failed = kind != b"Q"
                self._error(error)
                if not failed:
                    self._ready()

    def _simple(self, text: str) -> None:
        if not text.strip(" ;\n\t"):
            self._send(b"I")
        else:
            result = self._execute(text, [], "simple")
            if result.columns:
                self._describe(result)
            self._rows(result)
        self._ready()

    def _describe(self, result: Result) -> None:
        if not result.columns:
            self._send(b"n")
            return
        fields = b"".join(_text(name) + struct.pack(">ihihih", 0, 0, oid, -1, -1, 0) for name, oid in result.columns)
        self._send(b"T", struct.pack(">h", len(result.columns)) + fields)

    def _rows(self, result: Result) -> None:
        for row in result.rows:
            cells = b"".join(_cell(value) for value in row)
            self._send(b"D", struct.pack(">h", len(row)) + cells)
        self._send(b"C", _text(result.tag))

    def _error(self, error: QueryError) -> None:
        fields = (("S", "ERROR"), ("V", "ERROR"), ("C", error.state), ("M", str(error)))
        self._send(b"E", b"".join(name.encode() + _text(value) for name, value in fields) + b"\0")

    def _ready(self) -> None:
        self._send(b"Z", b"I")
        self.wfile.flush()

    def _send(self, kind: bytes, body: bytes = b"") -> None:
        self.wfile.write(kind + struct.pack(">i", len(body) + 4) + body)


def _exactly(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data


def _text(value: str) -> bytes:
    return value.replace("\0", "").encode() + b"\0"


def _two_texts(body: bytes) -> tuple[str, str, bytes]:
    first, second, rest = body.split(b"\0", 2)
    return first.decode(), second.decode(), rest


def _cell(value: Any) -> bytes:
    if value is None:
        return struct.pack(">i", -1)
    text = ("t" if value else "f") if isinstance(value, bool) else str(value)
    data = text.encode()
    return struct.pack(">i", len(data)) + data


def _parameters(rest: bytes, oids: Sequence[int]) -> list[Any]:
    """The parameters of a Bind: text, or binary integers."""
    (count,) = struct.unpack_from(">h", rest)
    formats = struct.unpack_from(f">{count}h", rest, 2)
    at = 2 + 2 * count
    (count,) = struct.unpack_from(">h", rest, at)
    at += 2
    values: list[Any] = []
    for index in range(count):
        (length,) = struct.unpack_from(">i", rest, at)
        at += 4
        if length < 0:
            values.append(None)
            continue
        data = rest[at : at + length]
        at += length
        binary = formats[index if len(formats) > 1 else 0] if formats else 0
        oid = oids[index] if index < len(oids) else 0
        values.append(struct.unpack(_INTEGER_OIDS[oid], data)[0] if binary and oid in _INTEGER_OIDS else data.decode())
    return values
