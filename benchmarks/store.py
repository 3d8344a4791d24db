"""A store full of rows of the example runner's shape, made inside the engine by INSERT ... SELECT FROM numbers()."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from rvbbit_otel.all_in_one.engine.engine import Engine, as_parameters
from rvbbit_otel.all_in_one.engine.reader import Reader
from rvbbit_otel.all_in_one.options import Options
from rvbbit_otel.storage.migrations import apply

SQL = Path(__file__).parent / "sql"
# The views of one statement share its memory; so many rows at a time keep it below a gigabyte.
_ROWS_A_STATEMENT = 250_000
ROWS_A_DAY = 1_000_000
OURS = ("unified_logs", "session_facts", "caller_facts")
STOCK = "stock_otel_traces"


@cache
def statement(name: str) -> str:
    """The statement in one file under ``sql/``."""
    return (SQL / f"{name}.sql").read_text(encoding="utf-8")


@dataclass
class Filled:
    """A store, and the rows that it has."""

    options: Options
    engine: Engine
    since: int
    rows: int = 0

    def restart(self) -> None:
        """Close the engine and open it again: nothing is left of what it had read."""
        self.engine.close()
        self.engine = Engine(self.options)

    def fill(self, rows: int) -> None:
        """Fill up to so many rows, through the real landing table; the stock table holds the same spans afterwards."""
        for first in range(self.rows, rows, _ROWS_A_STATEMENT):
            count = min(_ROWS_A_STATEMENT, rows - first)
            self.engine.command(statement("fill_spans"), {"since": self.since, "first": first, "count": count})
        self.rows = rows
        ((stored,),) = self.engine.query(statement("count_rows")).rows
        if int(str(stored)) != rows:
            raise AssertionError(f"{rows} spans were sent, {stored} rows are stored")

    def fill_stock(self) -> None:
        """Make the stock table anew with the spans that otel_traces has."""
        self.engine.command(f"DROP TABLE IF EXISTS {STOCK}")
        self.engine.command(statement("stock_otel_traces"))
        self.engine.command(statement("fill_stock"))

    def merge(self, *tables: str) -> None:
        """Merge as far as merging goes."""
        for table in tables:
            self.engine.command(f"OPTIMIZE TABLE {table} FINAL")

    def some_caller(self) -> tuple[str, str]:
        """A caller from the middle, and the day it worked in."""
        ((caller, day),) = self.engine.query(statement("some_caller"), {"offset": self.rows // 2}).rows
        return str(caller), str(day)


@contextmanager
def filled(rows: int, at_most: int | None = None) -> Iterator[Filled]:
    """A store of its own with so many rows, gone afterwards; the last of `at_most` (default: `rows`) that it will get is of now."""
    with tempfile.TemporaryDirectory() as name:
        # Filling it takes more than a statement may elsewhere; it is not what is measured.
        options = Options(
            Path(name), query_seconds=600, result_rows=100_000_000, result_bytes=2**40, insert_memory=4 * 2**30
        )
        store = Filled(options, Engine(options), int(time.time() - max(rows, at_most or 0) / ROWS_A_DAY * 86_400))
        try:
            apply(store.engine)
            store.fill(rows)
            yield store
        finally:
            store.engine.close()


def ask(reader: Reader, sql: str, **parameters: object) -> tuple[float, int]:
    """Ask once: milliseconds, and the rows that the engine read for it."""
    values = as_parameters(parameters)
    start = time.perf_counter_ns()
    answer = reader.run(sql, "Native", values)
    return (time.perf_counter_ns() - start) / 1e6, answer.read_rows
