"""UDFs of DuckDB, in a program without a runner: each call is whose the query is that runs it, on whichever thread DuckDB runs it."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import duckdb
from duckdb import DuckDBPyConnection
from tests.contract.programs import Spans, program

from rvbbit_otel import called_by

VARCHAR: Any = "VARCHAR"


def connected(span: Spans, database: str = ":memory:") -> DuckDBPyConnection:
    """A connection with `udf`, which marks its argument."""
    connection = duckdb.connect(database)
    connection.create_function("udf", marking(span), [VARCHAR], VARCHAR, side_effects=True)
    return connection


def marking(span: Spans) -> Any:
    def udf(marker: str) -> str:
        span(marker)
        return marker

    return udf


def rows(marker: str, count: int = 3) -> str:
    return f"SELECT udf('{marker}') FROM range({count})"


@program(*["first"] * 6, *["second"] * 6)
def test_queries_of_two_callers_one_after_the_other(span: Spans) -> None:
    connection = connected(span)
    for marker in ("first", "second") * 2:
        with called_by(marker):
            connection.execute(rows(marker)).fetchall()


@program(*["first"] * 20, *["second"] * 20, *["third"] * 20)
def test_clients_at_once_each_with_a_database_of_its_own(span: Spans) -> None:
    together = threading.Barrier(3)

    def client(marker: str) -> None:
        connection = connected(span)
        together.wait()
        with called_by(marker):
            connection.execute(rows(marker, 20)).fetchall()

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(client, ("first", "second", "third")))


@program(*["first"] * 3, *["second"] * 3)
def test_the_connection_that_nobody_opened(span: Spans) -> None:
    duckdb.create_function("udf", marking(span), [VARCHAR], VARCHAR, side_effects=True)
    try:
        with called_by("first"):
            duckdb.execute(rows("first")).fetchall()
        with called_by("second"):
            duckdb.sql(rows("second")).fetchall()
    finally:
        duckdb.remove_function("udf")


@program("first", "first")
def test_a_relation_is_whose_it_is_who_executes_it(span: Spans) -> None:
    connection = connected(span)
    with called_by("second"):
        relation = connection.sql(rows("first", 2))
    with called_by("first"):
        relation.fetchall()


@program(*["first"] * 4)
def test_rows_are_whose_the_query_is_whoever_fetches_them(span: Spans) -> None:
    connection = connected(span)
    with called_by("first"):
        connection.execute(rows("first", 4))
    with called_by("second"):
        connection.fetchall()


@program("first", "second", "nobody")
def test_a_query_of_nobody_is_nobodys_after_those_of_others(span: Spans) -> None:
    connection = connected(span)
    for marker in ("first", "second"):
        with called_by(marker):
            connection.execute(rows(marker, 1)).fetchall()
    connection.execute(rows("nobody", 1)).fetchall()


@program(*["first?"] * 3, *["second?"] * 3)
def test_cursors_of_one_database_with_queries_of_two_callers_half_read(span: Spans) -> None:
    connection = connected(span)
    cursors = {marker: connection.cursor() for marker in ("first", "second")}
    for marker, cursor in cursors.items():
        with called_by(marker):
            cursor.execute(rows(f"{marker}?"))
    for marker, cursor in cursors.items():
        with called_by(marker):
            cursor.fetchall()


@program("first", "second")
def test_a_udf_that_names_another_caller_for_what_it_does(span: Spans) -> None:
    connection = duckdb.connect()

    def udf(marker: str) -> str:
        span("first")
        with called_by("second"):
            span("second")
        return marker

    connection.create_function("udf", udf, [VARCHAR], VARCHAR, side_effects=True)
    with called_by("first"):
        connection.execute(rows("first", 1)).fetchall()


@program("first", "second")
def test_a_udf_that_queries_another_database_for_its_own_caller(span: Spans) -> None:
    inner = connected(span)
    outer = duckdb.connect()

    def udf(marker: str) -> str:
        inner.execute(rows(marker, 1)).fetchall()
        return marker

    outer.create_function("udf", udf, [VARCHAR], VARCHAR, side_effects=True)
    for marker in ("first", "second"):
        with called_by(marker):
            outer.execute(rows(marker, 1)).fetchall()


@program("first", "first")
def test_a_query_that_fails_leaves_nothing_of_its_caller(span: Spans) -> None:
    connection = connected(span)
    with called_by("second"), contextlib.suppress(duckdb.Error):
        connection.execute("SELECT udf('second') FROM nowhere")
    with called_by("first"):
        connection.execute(rows("first", 2)).fetchall()


@program("first", "second", "first")
def test_a_query_in_a_block_of_a_generator(span: Spans) -> None:
    connection = connected(span)

    def steps() -> Iterator[Any]:
        with called_by("first"):
            yield connection.execute(rows("first", 1)).fetchall()
            yield connection.execute(rows("first", 1)).fetchall()

    with called_by("second"):
        made = steps()
        next(made)
        connection.execute(rows("second", 1)).fetchall()
        next(made)


@program("second?", "first")
def test_a_query_of_a_worker_that_took_anothers_item(span: Spans) -> None:
    connection = connected(span)
    jobs: queue.Queue[str] = queue.Queue()
    begun = threading.Event()

    def worker() -> None:
        connection.execute(rows("first", 1)).fetchall()
        begun.set()
        connection.execute(rows(jobs.get(), 1)).fetchall()

    with called_by("first"):
        thread = threading.Thread(target=worker)
        thread.start()
        begun.wait()
    with called_by("second"):
        jobs.put("second?")
    thread.join()
