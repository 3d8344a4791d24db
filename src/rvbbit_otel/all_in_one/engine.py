"""The ClickHouse engine in this process (chDB): one connection that writes, several that can only read."""

from __future__ import annotations

import json
import queue
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import chdb

from rvbbit_otel.all_in_one.lock import FolderLock
from rvbbit_otel.all_in_one.options import Options
from rvbbit_otel.errors import StoreCorruptError, StoreError, StoreUnavailableError
from rvbbit_otel.storage.database import Result

_CODE = re.compile(r"Code: (\d+)\. DB::")
# The engine is busy or out of room; the same statement may do later. (ClickHouse src/Common/ErrorCodes.cpp)
_RETRYABLE = frozenset({159, 202, 209, 236, 241, 243, 252, 394, 439, 745})


class EngineError(StoreError):
    """What the engine said: its code, its text; `retryable` if it may do later."""

    def __init__(self, text: str) -> None:
        """Read the code off the text."""
        super().__init__(text)
        found = _CODE.search(text)
        self.code = int(found.group(1)) if found else 0
        self.retryable = self.code in _RETRYABLE


class Engine:
    """Owns a folder. Implements storage's Database for migrations and audits in process."""

    def __init__(self, options: Options) -> None:
        """Open the store; raises StoreLockedError or StoreCorruptError."""
        self._lock = FolderLock(options.data)
        folder = options.data / "store"
        try:
            self._writer = chdb.connect(str(folder))
            self._writer.query("SELECT 1")
        except Exception as error:
            self._lock.release()
            raise StoreCorruptError(
                f"the store in {folder} can't be opened: {error}. Nothing was changed: "
                "restore it from a backup, or move the folder away to start anew"
            ) from error
        self._write_lock = threading.Lock()
        self._options = options
        self._readers: queue.Queue[tuple[str, Any]] = queue.Queue()
        for number in range(options.readers):
            self._readers.put(self._reader(folder, f"reader-{number}"))

    def insert(self, statement: str, body: bytes, format_name: str) -> None:
        """Run one INSERT with its data; raises EngineError, and then nothing of the data is acknowledged."""
        with self._write_lock, _translated():
            inserter = self._writer.send_insert(statement, format_name)
            try:
                inserter.append(body)
                inserter.finish()
            except BaseException:
                inserter.cancel()
                raise

    def command(self, sql: str, parameters: Mapping[str, object] | None = None) -> None:
        """Run a statement of ours on the writing connection."""
        with self._write_lock, _translated():
            self._writer.query(sql, "Null", params=as_parameters(parameters))

    def query(self, sql: str, parameters: Mapping[str, object] | None = None) -> Result:
        """Ask a question of ours; values come as JSON has them."""
        with self._write_lock, _translated():
            answer = self._writer.query(sql, "JSONCompact", params=as_parameters(parameters))
        document = json.loads(answer.bytes() or b'{"meta": [], "data": []}')
        return Result(tuple(column["name"] for column in document["meta"]), [tuple(row) for row in document["data"]])

    @contextmanager
    def reader(self) -> Iterator[Reader]:
        """A connection that can only read, for a query from outside; raises StoreUnavailableError if none gets free in time."""
        try:
            name, connection = self._readers.get(timeout=self._options.query_seconds)
        except queue.Empty:
            raise StoreUnavailableError("every reader is busy: try again later") from None
        try:
            yield Reader(name, connection)
        finally:
            self._readers.put((name, connection))

    def cancel(self, reader: str) -> None:
        """Stop what a reader is doing, since nobody waits for it any more."""
        self.command("KILL QUERY WHERE Settings['log_comment'] = {name:String} ASYNC", {"name": reader})

    def close(self) -> None:
        """Close every connection and let the folder go."""
        while not self._readers.empty():
            self._readers.get()[1].close()
        with self._write_lock:
            self._writer.close()
        self._lock.release()

    def _reader(self, folder: Path, name: str) -> tuple[str, Any]:
        connection = chdb.connect(str(folder))
        options = self._options
        # readonly comes last: it makes every setting before it final.
        for setting, value in (
            ("max_memory_usage", options.query_memory),
            ("max_execution_time", options.query_seconds),
            ("max_result_rows", options.result_rows),
            ("max_result_bytes", options.result_bytes),
            ("allow_python_table_function", 0),
            ("log_comment", f"'{name}'"),
            ("readonly", 1),
        ):
            connection.query(f"SET {setting}={value}")
        return name, connection


class Reader:
    """One connection that can only read, lent for one query."""

    def __init__(self, name: str, connection: Any) -> None:
        """`name` is what `Engine.cancel` takes."""
        self.name = name
        self._connection = connection

    def run(self, sql: str, format_name: str, parameters: Mapping[str, str] | None = None) -> bytes:
        """The whole answer in a format of the engine's; parameters are escaped already, as ClickHouse's HTTP clients send them."""
        with _translated():
            answer = self._connection.query(sql, format_name, params=dict(parameters or {}))
            return bytes(answer.bytes())


def as_parameters(parameters: Mapping[str, object] | None) -> dict[str, str]:
    """Parameters as the engine reads them: it takes backslash, tab and newline for the end of a value unless they are escaped."""
    return {
        name: str(value).replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")
        for name, value in (parameters or {}).items()
    }


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except StoreError:
        raise
    except (chdb.ChdbError, RuntimeError) as error:
        raise EngineError(str(error)) from error
