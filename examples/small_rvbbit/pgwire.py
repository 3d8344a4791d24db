"""The server's side of the Postgres protocol, as much of it as psql and psycopg use: simple and extended queries, text results, no passwords.

Own code because no library fits (tried in November 2026 with Python 3.11 and DuckDB 2.0, on Linux):

- buenavista 0.5.0 (October 2024): no SELECT works, as it calls `fetch_record_batch`, which DuckDB 2.0 no longer has; a text that psycopg binds is
  parsed as a date, and fails; it needs dateutil and does not say so; FastAPI comes with it, and opentelemetry-api with that.
- riffq 0.1.11: there is no wheel for Linux, and its source builds only with a Rust crate that is fetched from a git host.
- pygwire 0.2.0: a codec without a server, from Python 3.11, whose API may change. It would replace `pgmessages`, not this module.
- postgres-wire 1.0.2: from Python 3.13.

Left out: cancel requests, COPY, row limits of Execute (all rows come at once), binary results. A portal runs when it is described, because
its columns are known only then; describing a statement says that it has no rows.
"""

from __future__ import annotations

import socketserver
import struct
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from small_rvbbit import pgmessages as pg
from small_rvbbit.pgmessages import QueryError, Result

# Runs a query: (text, parameters, "simple" or "extended"); one result a statement. Raises QueryError.
Execute = Callable[[str, Sequence[Any], str], Sequence[Result]]

_SETTINGS = {
    "server_version": "15.0",
    "server_encoding": "UTF8",
    "client_encoding": "UTF8",
    "DateStyle": "ISO",
    "integer_datetimes": "on",
    "standard_conforming_strings": "on",
}
_IDLE, _IN_TRANSACTION, _FAILED = b"I", b"T", b"E"


class PgHandler(socketserver.StreamRequestHandler):
    """One client."""

    wbufsize = -1
    disable_nagle_algorithm = True

    def connect(self, startup: dict[str, str]) -> Execute:
        """Called once a client; a subclass returns what runs its queries."""
        raise NotImplementedError

    def disconnect(self) -> None:
        """Called when the client is gone."""

    def handle(self) -> None:
        """Serve the client until it leaves."""
        try:
            startup = self._startup()
            if startup is None:
                return
            self._run = self.connect(startup)
            try:
                self._greet()
                self._serve()
            finally:
                self.disconnect()
        except (ConnectionError, EOFError):
            return  # The client went away, as it may.
        except QueryError as problem:  # Not a message of this protocol: there is no telling where the next one starts.
            self.wfile.write(pg.error(problem, "FATAL"))

    def _startup(self) -> dict[str, str] | None:
        while True:
            code, body = pg.read_startup(self.rfile)
            if code == pg.CANCEL_REQUEST:
                return None
            if code not in (pg.SSL_REQUEST, pg.GSS_REQUEST):
                break
            self.wfile.write(b"N")
            self.wfile.flush()
        if code >> 16 != pg.PROTOCOL_3:
            raise QueryError("08P01", f"protocol {code >> 16}.{code & 0xFFFF} is not served here, only 3")
        return pg.startup_parameters(body)

    def _greet(self) -> None:
        self._statements: dict[str, tuple[str, list[int]]] = {}
        self._portals: dict[str, tuple[str, list[Any]]] = {}
        self._results: dict[str, Result] = {}
        self._transaction = _IDLE
        self._send(b"R", struct.pack(">i", 0))
        for name, value in _SETTINGS.items():
            self._send(b"S", pg.text(name) + pg.text(value))
        self._send(b"K", struct.pack(">ii", 0, 0))
        self._ready()

    def _serve(self) -> None:
        failed = False
        while True:
            kind, body = pg.read(self.rfile)
            if kind == b"X":
                return
            if kind == b"S":
                failed = False
                self._ready()
            elif kind == b"H":
                self.wfile.flush()
            elif not failed:  # After an error everything up to the Sync is skipped.
                failed = not self._answer(kind, body) and kind != b"Q"
            if kind == b"Q":
                self._ready()

    def _answer(self, kind: bytes, body: bytes) -> bool:
        """Answer one message; False, and the client knows why, if that was not possible."""
        try:
            if kind not in self._ANSWERS:
                raise QueryError("0A000", f"message {kind!r} is not served here")
            try:
                self._ANSWERS[kind](self, body)
            except (struct.error, ValueError) as problem:
                raise QueryError("08P01", f"message {kind!r} is malformed: {problem}") from problem
        except QueryError as problem:
            if self._transaction == _IN_TRANSACTION:
                self._transaction = _FAILED
            self.wfile.write(pg.error(problem))
            return False
        return True

    def _simple(self, body: bytes) -> None:
        results = self._execute(body[:-1].decode(), [], "simple")
        if not results:
            self._send(b"I")
        for result in results:
            if result.columns:
                self.wfile.write(pg.row_description(result.columns))
            self._rows(result)

    def _parse(self, body: bytes) -> None:
        name, text, oids = pg.parse(body)
        self._statements[name] = (text, oids)
        self._send(b"1")

    def _bind(self, body: bytes) -> None:
        bound = pg.bind(body, self._statements)
        self._portals[bound.portal] = (self._statements[bound.statement][0], bound.parameters)
        self._results.pop(bound.portal, None)
        self._send(b"2")

    def _describe(self, body: bytes) -> None:
        name = body[1:-1].decode()
        if body[:1] == b"P":
            self._results[name] = self._portal(name)
            self.wfile.write(pg.row_description(self._results[name].columns))
            return
        if name not in self._statements:
            raise QueryError("26000", f'prepared statement "{name}" does not exist')
        oids = self._statements[name][1]
        self._send(b"t", struct.pack(f">h{len(oids)}i", len(oids), *oids))
        self.wfile.write(pg.row_description(()))

    def _execute_portal(self, body: bytes) -> None:
        name = body.split(b"\0", 1)[0].decode()
        result = self._portal(name)
        self._results.pop(name, None)
        self._rows(result)

    def _close(self, body: bytes) -> None:
        name = body[1:-1].decode()
        if body[:1] == b"S":
            self._statements.pop(name, None)
        else:
            self._portals.pop(name, None)
            self._results.pop(name, None)
        self._send(b"3")

    _ANSWERS: ClassVar = {
        b"Q": _simple,
        b"P": _parse,
        b"B": _bind,
        b"D": _describe,
        b"E": _execute_portal,
        b"C": _close,
    }

    def _portal(self, name: str) -> Result:
        if name in self._results:
            return self._results[name]
        if name not in self._portals:
            raise QueryError("34000", f'portal "{name}" does not exist')
        results = self._execute(*self._portals[name], "extended")
        return results[0] if results else Result((), (), "")

    def _execute(self, text: str, parameters: Sequence[Any], protocol: str) -> Sequence[Result]:
        results = self._run(text, parameters, protocol)
        for result in results:
            if result.tag == "BEGIN":
                self._transaction = _IN_TRANSACTION
            elif result.tag in ("COMMIT", "ROLLBACK"):
                self._transaction = _IDLE
        return results

    def _rows(self, result: Result) -> None:
        for row in result.rows if result.columns else ():
            self.wfile.write(pg.data_row(row))
        if result.tag:
            self._send(b"C", pg.text(result.tag))
        else:
            self._send(b"I")

    def _ready(self) -> None:
        self._send(b"Z", self._transaction)
        self.wfile.flush()

    def _send(self, kind: bytes, body: bytes = b"") -> None:
        self.wfile.write(pg.message(kind, body))
