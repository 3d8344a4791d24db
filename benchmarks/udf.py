"""What attach and detach add to one call of a DuckDB UDF, scalar and Arrow, beside the same UDF unwrapped."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Any

import duckdb
import pyarrow.compute
from duckdb.sqltypes import BIGINT

import small_rvbbit.udf  # noqa: F401  -- DuckDB is instrumented only in a process that has a runner.
from benchmarks.harness import Row, Size, absolute, interleaved, row
from rvbbit_otel.instrumentation import RvbbitInstrumentor
from small_rvbbit import caller_context

# Scalar calls; and Arrow calls, of 2,048 rows each.
CALLS: dict[Size, tuple[int, int]] = {"smoke": (200, 4), "short": (20_000, 1_000), "full": (50_000, 2_000)}
_VECTOR = 2_048
_MICROSECONDS = 3.0


def run(rounds: int, size: Size) -> list[Row]:
    """Extra microseconds a call, which have the limit; and the whole call as a ratio."""
    counts = itertools.count()

    def scalar(value: int) -> int:
        return value + 1

    def vectorized(values: Any) -> Any:
        next(counts)
        return pyarrow.compute.add(values, 1)

    bare = _connected(scalar, vectorized)
    rows = []
    RvbbitInstrumentor().instrument(runners=("small_rvbbit",))
    try:
        caller_context.set_caller_context("sql-clever-fox-abc123", {"origin": "sql"}, "1")
        ours = _connected(scalar, vectorized)
        for kind, calls, values in (
            ("scalar", CALLS[size][0], CALLS[size][0]),
            ("arrow", CALLS[size][1], CALLS[size][1] * _VECTOR),
        ):
            seen = interleaved(
                {"ours": _asked(ours, kind, values, calls), "bare": _asked(bare, kind, values, calls)}, rounds
            )
            extra = [max(mine - plain, 0.001) for mine, plain in zip(seen["ours"], seen["bare"], strict=True)]
            rows.append(absolute(f"{kind}, extra", "us a call", extra, _MICROSECONDS))
            rows.append(row(f"{kind}, whole call", "us a call", seen["ours"], seen["bare"]))
        caller_context.clear_caller_context("1")
    finally:
        RvbbitInstrumentor().uninstrument()
    return rows


def _connected(scalar: Callable[..., Any], vectorized: Callable[..., Any]) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("SET threads = 1")
    connection.create_function("scalar", scalar, [BIGINT], BIGINT, side_effects=True)
    connection.create_function("arrow", vectorized, [BIGINT], BIGINT, type="arrow", side_effects=True)
    return connection


def _asked(connection: duckdb.DuckDBPyConnection, kind: str, values: int, calls: int) -> Callable[[], float]:
    # One thread of DuckDB's: the process's own time is the query's. The fastest of three, since others can only make one slower.
    def once() -> float:
        start = time.process_time_ns()
        connection.execute(f"SELECT sum({kind}(range)) FROM range({values})").fetchall()
        return (time.process_time_ns() - start) / calls / 1000

    def measure() -> float:
        return min(once() for _ in range(3))

    return measure
