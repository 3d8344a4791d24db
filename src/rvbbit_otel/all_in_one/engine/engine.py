"""The ClickHouse engine in this process (chDB): one connection that writes, and one that can only read for each query from outside."""

from __future__ import annotations

import contextlib
import itertools
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rvbbit_otel.all_in_one.engine.error import EngineError, translated
from rvbbit_otel.all_in_one.engine.folder import close_to_others, usable
from rvbbit_otel.all_in_one.engine.grants import address_with_grants
from rvbbit_otel.all_in_one.engine.loading import chdb
from rvbbit_otel.all_in_one.engine.lock import FolderLock
from rvbbit_otel.all_in_one.engine.places import Place, Places
from rvbbit_otel.all_in_one.engine.reader import Answer, Cost, Reader, cost_of
from rvbbit_otel.all_in_one.options import Options
from rvbbit_otel.errors import ConfigurationError, StoreCorruptError, StoreUnavailableError
from rvbbit_otel.storage.database import Result
from rvbbit_otel.storage.files import read

# Seconds that a query which was told to stop may take to do so.
_CLOSE_SECONDS = 2
# The tables behind a landing table are written side by side; and a block is not merged with itself before it is written, for its views leave no two
# rows of one key in it (ADR 60). Every insert plans all the views anew, and half of that time went into looking for more conditions in each AND.
_WRITING: Mapping[str, int] = {
    "parallel_view_processing": 1,
    "optimize_on_insert": 0,
    "optimize_and_compare_chain": 0,
    "optimize_extract_common_expressions": 0,
}
# No setting of a client's changes these. Formatting in one thread keeps a piece of the answer in memory, not one for each thread; a statement may be
# longer, and deeper in brackets, once the engine has written it anew; a pattern may not be so large that compiling it goes past the time limit.
_READING: Mapping[str, int | float | str] = {
    "allow_introspection_functions": 0,
    "allow_python_table_function": 0,
    "allow_nonconst_timezone_arguments": 0,
    "function_sleep_max_microseconds_per_block": 1_000_000,
    "max_hyperscan_regexp_length": 10_000,
    "max_hyperscan_regexp_total_length": 100_000,
    "max_parser_depth": 2000,
    "max_query_size": 4 * 1024 * 1024,
    "max_temporary_data_on_disk_size_for_query": 1024 * 1024 * 1024,
    "output_format_parallel_formatting": 0,
}
# Settings that say how data is read begin so.
_OF_DATA = ("input_format_", "format_csv_", "date_time_input_format")


@dataclass(frozen=True)
class ExternalTable:
    """A table of one question: a plain name, its columns as `name Type, ...`, and its rows in a format of inserts. All of it is looked at already."""

    name: str
    structure: str
    format_name: str
    data: bytes


class Session:
    """A connection that writes, for one statement at a time. Implements storage's Database."""

    def __init__(
        self, connection: Any, body: Path, memory: int, settings: Mapping[str, int | float | str] | None = None
    ) -> None:
        """`body` is the file that an insert's data goes by, `memory` the bytes that one statement may take; `settings` are more of them."""
        self._connection = connection
        self._body = body
        self._lock = threading.Lock()
        self.change({**_WRITING, "max_memory_usage": memory, **(settings or {})})

    def change(self, settings: Mapping[str, int | float | str]) -> None:
        """Settings for all that follows."""
        with self._lock, translated():
            self._connection.query(_set(settings))

    def insert(self, statement: str, body: bytes, format_name: str) -> None:
        """Run one INSERT of ours with its data; raises EngineError, and then nothing of the data is acknowledged.

        The data goes by a file, so the views behind a landing table run in all of the engine's threads. chDB 4.4 also takes it piece by piece
        (`send_insert`), but there what goes wrong behind the table, such as a view that throws or a disk that is full, is swallowed: 12,000 spans
        were acknowledged on a full disk where 5,600 were stored.
        """
        head, settings, rest = statement.partition(" SETTINGS ")
        with self._lock, translated(), _in_file(self._body, body) as file:
            self._connection.query(f"{head} SELECT * FROM file({file}, {format_name}){settings}{rest}", "Null")

    def insert_rows(self, table: str, columns: Sequence[str], body: bytes, format_name: str, seconds: float) -> Cost:
        """Put rows in a format of the engine's into a table, all of its columns where none is named; raises EngineError as `insert` does.

        By `file()` here too: what is read by INFILE counts towards no limit of memory (chDB 4.4: 18 KB, packed, took 8 GB). It fills what the data
        leaves out with zeros, not as the table's owner said; the landing tables say nothing.
        """
        with self._lock, translated(hidden=self._body):
            types = self._types_of(table)
            unknown = next((name for name in columns if name not in types), None)
            if unknown is not None:
                raise EngineError(
                    f"Code: 16. DB::Exception: No such column {unknown} in table {table}. (NO_SUCH_COLUMN_IN_TABLE)"
                )
            names = ", ".join(f"`{name}`" for name in columns or types)
            structure = ", ".join(f"`{name}` {types[name]}" for name in columns or types)
            with _in_file(self._body, body) as file:
                answer = self._connection.query(
                    f"INSERT INTO {table} ({names}) SELECT {names} FROM file({file}, {format_name}, {quoted(structure)}) "
                    f"SETTINGS max_execution_time = {seconds}",
                    "Null",
                )
        return cost_of(answer)

    def command(self, sql: str, parameters: Mapping[str, object] | None = None) -> None:
        """Run a statement of ours."""
        with self._lock, translated():
            self._connection.query(sql, "Null", params=as_parameters(parameters))

    def query(self, sql: str, parameters: Mapping[str, object] | None = None) -> Result:
        """Ask a question of ours; values come as JSON has them."""
        with self._lock, translated():
            answer = self._connection.query(sql, "JSONCompact", params=as_parameters(parameters))
        document = json.loads(answer.bytes() or b'{"meta": [], "data": []}')
        return Result(tuple(column["name"] for column in document["meta"]), [tuple(row) for row in document["data"]])

    def close(self) -> None:
        """Wait for what runs, and close the connection."""
        with self._lock:
            self._connection.close()

    def _types_of(self, table: str) -> dict[str, str]:
        asked = "SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = {table:String}"
        answer = self._connection.query(asked, "JSONCompactEachRow", params=as_parameters({"table": table}))
        return dict(json.loads(line) for line in bytes(answer.bytes()).splitlines())


class Engine:
    """Owns a folder. Implements storage's Database for migrations and audits in process."""

    def __init__(self, options: Options) -> None:
        """Open the store; raises StoreLockedError, StoreCorruptError, or ConfigurationError for a folder that can't be used."""
        with usable(options.data):
            self._lock = FolderLock(options.data)
        self._folder = str(options.data / "store")
        try:
            with usable(options.data):
                close_to_others(options.data)
                _remove_bodies(options.data)
                address = address_with_grants(options.data, self._folder)
            connection = chdb.connect(address)
            self._writer = Session(connection, (options.data / "body.bin").absolute(), options.insert_memory)
            self._about_store = self._settings_of_store()
            # Queries are stopped while the writer writes.
            self._stopper = self.connect()
        except ConfigurationError:
            self._lock.release()
            raise
        except Exception as error:
            self._lock.release()
            raise StoreCorruptError(
                f"the store in {self._folder} can't be opened: {error}. Nothing was changed: "
                "restore it from a backup, or move the folder away to start anew"
            ) from error
        self._stop_lock = threading.Lock()
        self._repairing = threading.Lock()
        self._options = options
        self._places = Places(options.readers, options.readers)
        self._taken: dict[str, Place] = {}
        # Whether questions are left in an engine that was closed: nothing of it can be waited for any more.
        self.is_stuck = False
        self._numbers = itertools.count()

    def insert(self, statement: str, body: bytes, format_name: str) -> None:
        """Run one INSERT of ours with its data; raises EngineError, and then nothing of the data is acknowledged."""
        self._writer.insert(statement, body, format_name)

    def insert_rows(self, table: str, columns: Sequence[str], body: bytes, format_name: str) -> Cost:
        """Put rows in a format of the engine's into a table, all of its columns where none is named; raises EngineError as `insert` does."""
        return self._writer.insert_rows(table, columns, body, format_name, self._options.query_seconds)

    def command(self, sql: str, parameters: Mapping[str, object] | None = None) -> None:
        """Run a statement of ours on the writing connection."""
        self._writer.command(sql, parameters)

    def query(self, sql: str, parameters: Mapping[str, object] | None = None) -> Result:
        """Ask a question of ours on the writing connection."""
        return self._writer.query(sql, parameters)

    @contextmanager
    def aside(self, database: str) -> Iterator[Session]:
        """An empty database of this name beside the store's, on a connection of its own; it is dropped at the end. Raises EngineError."""
        options = self._options
        with translated():
            session = Session(self.connect(), (options.data / f"{database}.bin").absolute(), options.insert_memory)
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

    def work(self, name: str, settings: Mapping[str, int | float | str]) -> Session:
        """A connection for work of ours that takes long, so that nothing waits for it; `cancel` ends it by this name. Raises EngineError."""
        options = self._options
        with translated():
            chosen = {**self._about_store, **settings, "log_comment": name}
            return Session(self.connect(), (options.data / f"{name}.bin").absolute(), options.insert_memory, chosen)

    def repair(self, statement: str, parameters: Mapping[str, object] | None = None) -> None:
        """Run a statement of ours that mends rows, beside what is inserted. Raises EngineError."""
        with self._repairing:
            session = self.work("repair", {})
            try:
                session.command(statement, parameters)
            finally:
                session.close()

    def connect(self) -> Any:
        """A connection of its own, free to do what the grants allow: what it is for sets its limits first."""
        return chdb.connect(self._folder)

    @contextmanager
    def reader(
        self,
        settings: Mapping[str, int | float | str] | None = None,
        database: str = "default",
        tables: Sequence[ExternalTable] = (),
    ) -> Iterator[Reader]:
        """A connection that can only read, for one query from outside; `settings` are checked already, and can't loosen a limit.

        `tables` are there for this query only.

        A new one each time costs 0.4 ms, measured, and leaves nothing of a query to the next. Raises StoreUnavailableError if as many as may
        run do so for all of the time that one may take.
        """
        place = self._places.take(self._options.query_seconds)
        if place is None:
            raise StoreUnavailableError("as many queries as may run at once do so: try again later")
        name = f"reader-{next(self._numbers)}"
        self._taken[name] = place
        try:
            # In one statement, since each costs a tenth of a millisecond; `readonly` makes all of them final.
            chosen = {**_limits(self._options), **(settings or {}), **_READING, **self._about_store}
            chosen |= {"log_comment": name, "readonly": 1}
            prepared = _set(chosen)

            @contextmanager
            def opened() -> Iterator[Any]:
                connection = self.connect()
                try:
                    with translated(hidden=self._body_of(name)):
                        for table in tables:
                            self._add(table, connection, name, settings or {})
                        if database != "default":
                            connection.query(f"USE {database}")
                        connection.query(prepared)
                    yield connection
                finally:
                    connection.close()

            with opened() as connection:
                yield Reader(name, connection, opened)
        finally:
            del self._taken[name]
            place.give_back()

    def give_up(self, reader: str) -> None:
        """Let another question have the place of one that does not stop."""
        place = self._taken.get(reader)
        if place is not None:
            place.give_up()

    def _add(
        self, table: ExternalTable, connection: Any, reader: str, settings: Mapping[str, int | float | str]
    ) -> None:
        """What came is data in a file, as an insert's; of the client's settings, those that say how data is read are in force, and our limits."""
        reading = {name: value for name, value in settings.items() if name.startswith(_OF_DATA)}
        connection.query(_set({**reading, **_limits(self._options), "log_comment": reader}))
        with _in_file(self._body_of(reader), table.data) as file:
            source = f"file({file}, {table.format_name}, {quoted(table.structure)})"
            connection.query(f"CREATE TEMPORARY TABLE `{table.name}` ENGINE = Memory AS SELECT * FROM {source}", "Null")

    def _body_of(self, reader: str) -> Path:
        return self._options.data.absolute() / f"{reader}.bin"

    def cancel(self, reader: str) -> None:
        """Stop what a reader is doing, since nobody waits for it any more."""
        self._stop("KILL QUERY WHERE Settings['log_comment'] = {name:String} ASYNC", {"name": reader})

    def shaped(self, sql: str, parameters: Mapping[str, object], format_name: str) -> Answer:
        """The answer to a statement of ours in a format of the client's, also where as many queries run as may."""
        with self._stop_lock, translated():
            answer = self._stopper.query(sql, format_name, params=as_parameters(parameters))
            return Answer(**vars(cost_of(answer)), body=bytes(answer.bytes()))

    def _settings_of_store(self) -> dict[str, int | float | str]:
        """A store that was written in another zone than UTC has days of that zone: what is sought by time must be sought in all of them (ADR 72)."""
        strangers = int(str(self._writer.query(read("parts_of_another_zone.sql")).rows[0][0]))
        chosen: dict[str, int | float | str] = {"use_partition_pruning": 0} if strangers else {}
        if chosen:
            self._writer.change(chosen)
        return chosen

    def cancel_all(self) -> None:
        """Stop what every reader is doing."""
        self._stop("KILL QUERY WHERE startsWith(Settings['log_comment'], 'reader-') ASYNC")

    def _stop(self, sql: str, parameters: Mapping[str, object] | None = None) -> None:
        with self._stop_lock, translated():
            self._stopper.query(sql, "Null", params=as_parameters(parameters))

    def close(self) -> None:
        """Stop the queries that still run, close every connection and let the folder go.

        Where a query does not stop, closing a connection would wait for it: so the engine is left as a kill would leave it, and the process must end.
        """
        self.cancel_all()
        self.is_stuck = self._places.wait_empty(_CLOSE_SECONDS) > 0
        if not self.is_stuck:
            with self._stop_lock:
                self._stopper.close()
            with self._repairing:
                self._writer.close()
        self._lock.release()


def _remove_bodies(data: Path) -> None:
    """Remove request bodies that a killed process left behind as plain text."""
    for left in data.glob("*.bin"):
        left.unlink()


@contextmanager
def _in_file(path: Path, body: bytes) -> Iterator[str]:
    """The data in a file, whose name comes as a literal. It is gone afterwards: it holds what somebody sent as plain text."""
    try:
        path.write_bytes(body)
        yield quoted(str(path))
    except OSError as error:
        raise EngineError(f"Code: 243. DB::Exception: {error}. (NOT_ENOUGH_SPACE)") from error
    finally:
        with contextlib.suppress(OSError):
            path.unlink()


def _set(settings: Mapping[str, int | float | str]) -> str:
    return "SET " + ", ".join(
        f"{key}={quoted(value) if isinstance(value, str) else value}" for key, value in settings.items()
    )


def _limits(options: Options) -> dict[str, int | float | str]:
    return {
        "max_memory_usage": options.query_memory,
        "max_execution_time": options.query_seconds,
        "max_result_rows": options.result_rows,
        "max_result_bytes": options.result_bytes,
        # A large GROUP BY or ORDER BY goes on with a file in the store's folder instead of failing.
        "max_bytes_before_external_group_by": options.query_memory // 2,
        "max_bytes_before_external_sort": options.query_memory // 4,
    }


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
