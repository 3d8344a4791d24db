"""The ClickHouse engine in this process (chDB): one connection that writes, and one that can only read for each query from outside."""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import chdb

from rvbbit_otel.all_in_one.grants import address_with_grants
from rvbbit_otel.all_in_one.lock import FolderLock
from rvbbit_otel.all_in_one.options import Options
from rvbbit_otel.errors import StoreCorruptError, StoreError, StoreUnavailableError
from rvbbit_otel.storage.database import Result

_CODE = re.compile(r"Code: (\d+)\. DB::")
# Seconds that a query which was told to stop may take to do so.
_CLOSE_SECONDS = 2
# The tables behind a landing table are written side by side; and a block is not merged with itself before it is written, for its views leave no two
# rows of one key in it (ADR 60).
_WRITING: Mapping[str, int] = {"parallel_view_processing": 1, "optimize_on_insert": 0}


class EngineError(StoreError):
    """What the engine said: its code, its text. Whether the data or the store is the reason is in neither: `trial` finds out."""

    def __init__(self, text: str) -> None:
        """Read the code off the text."""
        super().__init__(text)
        found = _CODE.search(text)
        self.code = int(found.group(1)) if found else 0


class Session:
    """A connection that writes, for one statement at a time. Implements storage's Database."""

    def __init__(self, connection: Any, body: Path) -> None:
        """`body` is the file that an insert's data goes by."""
        self._connection = connection
        self._body = body
        self._lock = threading.Lock()
        for setting, value in _WRITING.items():
            connection.query(f"SET {setting}={value}")

    def insert(self, statement: str, body: bytes, format_name: str) -> None:
        """Run one INSERT with its data; raises EngineError, and then nothing of the data is acknowledged.

        The data goes by a file. chDB 4.4 also takes it piece by piece (`send_insert`), but there what goes wrong behind the table, such as a view
        that throws or a disk that is full, is swallowed: 12,000 spans were acknowledged on a full disk where 5,600 were stored.
        """
        head, settings, rest = statement.partition(" SETTINGS ")
        with self._lock, _translated():
            try:
                self._body.write_bytes(body)
                self._connection.query(_insert_from(str(self._body), head, settings + rest, format_name), "Null")
            except OSError as error:
                raise EngineError(f"Code: 243. DB::Exception: {error}. (NOT_ENOUGH_SPACE)") from error
            finally:
                with contextlib.suppress(OSError):
                    self._body.unlink()  # It holds what somebody sent as plain text.

    def command(self, sql: str, parameters: Mapping[str, object] | None = None) -> None:
        """Run a statement of ours."""
        with self._lock, _translated():
            self._connection.query(sql, "Null", params=as_parameters(parameters))

    def query(self, sql: str, parameters: Mapping[str, object] | None = None) -> Result:
        """Ask a question of ours; values come as JSON has them."""
        with self._lock, _translated():
            answer = self._connection.query(sql, "JSONCompact", params=as_parameters(parameters))
        document = json.loads(answer.bytes() or b'{"meta": [], "data": []}')
        return Result(tuple(column["name"] for column in document["meta"]), [tuple(row) for row in document["data"]])

    def close(self) -> None:
        """Wait for what runs, and close the connection."""
        with self._lock:
            self._connection.close()


class Engine:
    """Owns a folder. Implements storage's Database for migrations and audits in process."""

    def __init__(self, options: Options) -> None:
        """Open the store; raises StoreLockedError or StoreCorruptError."""
        self._lock = FolderLock(options.data)
        self._folder = str(options.data / "store")
        try:
            connection = chdb.connect(address_with_grants(options.data, self._folder))
            self._writer = Session(connection, (options.data / "body.bin").absolute())
        except Exception as error:
            self._lock.release()
            raise StoreCorruptError(
                f"the store in {self._folder} can't be opened: {error}. Nothing was changed: "
                "restore it from a backup, or move the folder away to start anew"
            ) from error
        self._options = options
        self._places = threading.BoundedSemaphore(options.readers)
        self._numbers = itertools.count()

    def insert(self, statement: str, body: bytes, format_name: str) -> None:
        """Run one INSERT with its data; raises EngineError, and then nothing of the data is acknowledged."""
        self._writer.insert(statement, body, format_name)

    def command(self, sql: str, parameters: Mapping[str, object] | None = None) -> None:
        """Run a statement of ours on the writing connection."""
        self._writer.command(sql, parameters)

    def query(self, sql: str, parameters: Mapping[str, object] | None = None) -> Result:
        """Ask a question of ours on the writing connection."""
        return self._writer.query(sql, parameters)

    @contextmanager
    def aside(self, database: str) -> Iterator[Session]:
        """An empty database of this name beside the store's, on a connection of its own; it is dropped at the end. Raises EngineError."""
        with _translated():
            session = Session(chdb.connect(self._folder), (self._options.data / f"{database}.bin").absolute())
        try:
            session.command(f"DROP DATABASE IF EXISTS {database} SYNC")
            session.command(f"CREATE DATABASE {database}")
            try:
                session.command(f"USE {database}")
                yield session
            finally:
                session.command(f"DROP DATABASE IF EXISTS {database} SYNC")
        finally:
            session.close()

    @contextmanager
    def reader(self, settings: Mapping[str, int | str] | None = None) -> Iterator[Reader]:
        """A connection that can only read, for one query from outside; `settings` are checked already, and can't loosen a limit.

        A new one each time costs 0.4 ms, measured, and leaves nothing of a query to the next. Raises StoreUnavailableError if as many as may
        run do so for all of the time that one may take.
        """
        if not self._places.acquire(timeout=self._options.query_seconds):
            raise StoreUnavailableError("as many queries as may run at once do so: try again later")
        try:
            name = f"reader-{next(self._numbers)}"
            connection = chdb.connect(self._folder)
            try:
                options = self._options
                # In one statement, since each costs a tenth of a millisecond; `readonly` makes all of them final.
                chosen: dict[str, int | str] = {
                    "max_memory_usage": options.query_memory,
                    "max_execution_time": options.query_seconds,
                    "max_result_rows": options.result_rows,
                    "max_result_bytes": options.result_bytes,
                    **(settings or {}),
                    "allow_python_table_function": 0,
                    "log_comment": name,
                    "readonly": 1,
                }
                changes = (
                    f"{key}={value if isinstance(value, int) else quoted(value)}" for key, value in chosen.items()
                )
                with _translated():
                    connection.query("SET " + ", ".join(changes))
                yield Reader(name, connection)
            finally:
                connection.close()
        finally:
            self._places.release()

    def cancel(self, reader: str) -> None:
        """Stop what a reader is doing, since nobody waits for it any more."""
        self.command("KILL QUERY WHERE Settings['log_comment'] = {name:String} ASYNC", {"name": reader})

    def cancel_all(self) -> None:
        """Stop what every reader is doing."""
        self.command("KILL QUERY WHERE startsWith(Settings['log_comment'], 'reader-') ASYNC")

    def close(self) -> None:
        """Stop the queries that still run, close every connection and let the folder go."""
        self.cancel_all()
        for _ in range(self._options.readers):
            self._places.acquire(timeout=_CLOSE_SECONDS)
        self._writer.close()
        self._lock.release()


@dataclass(frozen=True)
class Answer:
    """What a query gave: the bytes in its format, rows of the answer, rows and bytes that were read for it."""

    body: bytes
    rows: int
    read_rows: int
    read_bytes: int


class Reader:
    """One connection that can only read, lent for one query."""

    def __init__(self, name: str, connection: Any) -> None:
        """`name` is what `Engine.cancel` takes."""
        self.name = name
        self._connection = connection

    def run(self, sql: str, format_name: str, parameters: Mapping[str, str] | None = None) -> Answer:
        """The whole answer in a format of the engine's; parameters are escaped already, as ClickHouse's HTTP clients send them."""
        with _translated():
            answer = self._connection.query(sql, format_name, params=dict(parameters or {}))
            return Answer(
                bytes(answer.bytes()), answer.rows_read(), answer.storage_rows_read(), answer.storage_bytes_read()
            )


def _insert_from(file: str, head: str, settings: str, format_name: str) -> str:
    """The statement that inserts what the file holds.

    By `file()` the views behind a landing table run in the engine's threads, by INFILE in one alone. But only INFILE fills the columns that data from
    outside leaves out, as the table's owner said.
    """
    if format_name == "ProtobufSingle":
        return f"{head} SELECT * FROM file({quoted(file)}, {format_name}){settings}"
    return f"{head} FROM INFILE {quoted(file)}{settings} FORMAT {format_name}"


def as_parameters(parameters: Mapping[str, object] | None) -> dict[str, str]:
    """Parameters as the engine reads them: it takes backslash, tab and newline for the end of a value unless they are escaped."""
    return {
        name: str(value).replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")
        for name, value in (parameters or {}).items()
    }


def quoted(text: str) -> str:
    """Text as a string literal of SQL, where it can't be bound as a parameter."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except StoreError:
        raise
    except (chdb.ChdbError, RuntimeError) as error:
        raise EngineError(str(error)) from error
