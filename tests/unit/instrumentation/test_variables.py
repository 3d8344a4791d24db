from __future__ import annotations

from collections.abc import Callable
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from duckdb.sqltypes import BIGINT
from tests.unit.instrumentation.conftest import Traced

from rvbbit_otel.instrumentation import RunnerSpec, runners
from rvbbit_otel.instrumentation.runners import duckdb as duckdb_hooks

of_module = pa.table({"n": [1, 2]})


@pytest.fixture(params=[1, 2], ids=["one spec", "two specs"])
def connection(
    request: pytest.FixtureRequest, instrumented: Callable[..., Traced], monkeypatch: pytest.MonkeyPatch
) -> duckdb.DuckDBPyConnection:
    specs = tuple(RunnerSpec(f"runner{number}", "tests", duckdb_hooks.HOOKS) for number in range(request.param))
    monkeypatch.setattr(runners, "SHIPPED", specs)
    instrumented()
    return duckdb.connect()


@pytest.mark.parametrize("name", ["execute", "sql"])
def test_a_query_reads_a_table_from_a_local_variable(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    of_function = pa.table({"n": [3]})
    assert getattr(connection, name)("SELECT n FROM of_function").fetchall() == [(3,)]
    assert getattr(duckdb, name)("SELECT n FROM of_function").fetchall() == [(3,)]
    assert of_function.num_rows == 1


@pytest.mark.parametrize("name", ["execute", "sql"])
def test_a_query_reads_a_table_from_a_variable_of_the_module(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    assert getattr(connection, name)("SELECT n FROM of_module").fetchall() == [(1,), (2,)]


def test_a_query_reads_a_table_from_an_argument_and_from_a_variable_of_the_function_around(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    around = pa.table({"n": [4]})

    def inner(argument: pa.Table) -> list[tuple[Any, ...]]:
        assert around is not None
        return connection.execute("SELECT a.n, b.n FROM argument a, around b").fetchall()

    assert inner(pa.table({"n": [5]})) == [(5, 4)]


def test_a_query_reads_no_variable_that_it_did_not_read_without_us(connection: duckdb.DuckDBPyConnection) -> None:
    hidden = pa.table({"n": [6]})
    with pytest.raises(duckdb.CatalogException, match="hidden"):
        (lambda: connection.execute("SELECT n FROM hidden"))()
    for name in ("wrapped", "wrapper", "running", "frame", "seen"):
        with pytest.raises(duckdb.CatalogException, match=name):
            connection.execute(f"SELECT * FROM {name}")
    assert hidden.num_rows == 1


def test_a_script_a_relation_and_a_write_read_variables_too(connection: duckdb.DuckDBPyConnection) -> None:
    here = pa.table({"n": [7]})
    assert connection.sql("SELECT 1; SELECT n FROM here").fetchall() == [(7,)]
    connection.execute("CREATE TABLE t (n BIGINT)")
    connection.sql("INSERT INTO t SELECT n FROM here")
    connection.executemany("INSERT INTO t SELECT n + ? FROM here", [[1], [2]])
    assert connection.table("t").order("n").fetchall() == [(7,), (8,), (9,)]
    relation = connection.sql("SELECT 1 AS one").query("r", "SELECT one, n FROM r, here")
    assert relation is not None
    assert relation.fetchall() == [(1, 7)]
    assert here.num_rows == 1


def test_a_udf_that_queries_reads_its_own_variables(connection: duckdb.DuckDBPyConnection) -> None:
    inner = connection.cursor()

    def asks(number: int) -> int:
        own = pa.table({"n": [number]})
        ((found,),) = inner.execute("SELECT n + 1 FROM own").fetchall()
        return int(found) + own.num_rows - 1

    connection.create_function("asks", asks, [BIGINT], BIGINT, side_effects=True)
    assert connection.execute("SELECT asks(41)").fetchall() == [(42,)]


def test_what_a_query_raises_is_as_before(connection: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(duckdb.ParserException):
        connection.execute("SELEC 1")
    with pytest.raises(TypeError):
        connection.execute()
