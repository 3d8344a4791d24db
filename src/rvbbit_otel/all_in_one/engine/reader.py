"""Asking the engine on a connection that can only read, and what an answer took."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from rvbbit_otel.all_in_one.engine.error import translated
from rvbbit_otel.errors import StoreUnavailableError


@dataclass(frozen=True)
class Cost:
    """The cost of a statement: rows in its answer, rows and bytes read and written (by views too), and time."""

    rows: int = 0
    read_rows: int = 0
    read_bytes: int = 0
    nanoseconds: int = 0
    written_rows: int = 0
    written_bytes: int = 0

    def plus(self, more: Cost) -> Cost:
        """Both together."""
        return Cost(*(getattr(self, each.name) + getattr(more, each.name) for each in dataclasses.fields(Cost)))


@dataclass(frozen=True)
class Answer(Cost):
    """The answer to a query: bytes in its format, and its cost."""

    body: bytes = b""


class Reader:
    """One connection that can only read, lent for one query."""

    def __init__(self, name: str, connection: Any, another: Callable[[], AbstractContextManager[Any]]) -> None:
        """`name` is what `Engine.cancel` takes; `another` opens a connection like this one."""
        self.name = name
        self._connection = connection
        self._another = another

    def run(self, sql: str | bytes, format_name: str, parameters: Mapping[str, str] | None = None) -> Answer:
        """The whole answer in a format of the engine's; parameters are escaped already, as ClickHouse's HTTP clients send them."""
        with translated():
            answer = self._connection.query(sql, format_name, params=dict(parameters or {}))
            return Answer(**vars(cost_of(answer)), body=bytes(answer.bytes()))

    def write(self, sql: bytes, format_name: str, descriptor: int, parameters: Mapping[str, str] | None = None) -> Cost:
        """Write the answer of a SELECT to a descriptor while it is made, so that no more of it is in memory than the engine's buffer holds.

        `sql` has no FORMAT, and nothing after it. An error may come after some of the answer.
        """
        if not is_select(sql):
            # Of what the engine makes a SELECT by itself, such as SHOW TABLES, nothing comes this way (chDB 4.4). It is short.
            answer = self.run(sql, format_name, parameters)
            write_all(descriptor, answer.body)
            return answer
        outfile = f"\nINTO OUTFILE '/dev/fd/{descriptor}' TRUNCATE\nFORMAT {format_name}"
        with translated():
            return cost_of(self._connection.query(sql + outfile.encode(), "Null", params=dict(parameters or {})))

    def blocks(self, sql: bytes, parameters: Mapping[str, str]) -> Iterator[tuple[bytes, Cost]]:
        """The answer of a SELECT block by block in the format Native, and what each took; no block for no rows."""
        with translated():
            answer = self._connection.send_query(sql.decode(), "Native", params=dict(parameters))
            with contextlib.closing(answer):
                while (block := answer.fetch()) is not None and block.size():
                    yield bytes(block.bytes()), cost_of(block)

    def types_of(self, sql: bytes, parameters: Mapping[str, str]) -> list[tuple[str, str]]:
        """Names and types of the columns of a SELECT, also while its blocks come."""
        with translated(), self._another() as connection:
            answer = connection.query(
                "DESCRIBE TABLE (" + sql.decode() + ")", "JSONCompactEachRow", params=dict(parameters)
            )
        return [(name, kind) for name, kind, *_ in map(json.loads, bytes(answer.bytes()).splitlines())]


def is_select(sql: bytes) -> bool:
    """Return whether an answer comes while it is computed; the engine answers SHOW TABLES and the like as a whole."""
    return sql.lstrip(b"(").startswith((b"SELECT", b"WITH"))


def write_all(descriptor: int, data: bytes) -> None:
    """Write to a descriptor that somebody reads; raises StoreUnavailableError if nobody does any more."""
    left = memoryview(data)
    try:
        while left:
            left = left[os.write(descriptor, left) :]
    except BrokenPipeError as error:
        raise StoreUnavailableError("the client is gone") from error


def cost_of(answer: Any) -> Cost:
    """Return the cost that chDB reports for an answer."""
    return Cost(
        rows=answer.rows_read(),
        read_rows=answer.storage_rows_read(),
        read_bytes=answer.storage_bytes_read(),
        nanoseconds=int(answer.elapsed() * 10**9),
        written_rows=answer.rows_written(),
        written_bytes=answer.bytes_written(),
    )
