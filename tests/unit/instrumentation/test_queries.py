from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from duckdb.sqltypes import BIGINT, VARCHAR
from opentelemetry.context import get_current
from tests.unit.instrumentation import toy
from tests.unit.instrumentation.conftest import Traced

from rvbbit_otel.instrumentation import RunnerSpec, RvbbitInstrumentor, flows, runners
from rvbbit_otel.instrumentation.runners import duckdb as duckdb_hooks
from rvbbit_otel.propagation import caller_id_of

# Enough rows for two DuckDB threads to share: a thread takes whole row groups.
ROWS = 300_000
FEW = 3_000


@pytest.fixture
def traced(instrumented: Callable[..., Traced], monkeypatch: pytest.MonkeyPatch) -> Traced:
    monkeypatch.setattr(runners, "SHIPPED", (RunnerSpec("toy", "tests", (*toy.SPEC.hooks, *duckdb_hooks.HOOKS)),))
    return instrumented()


class Seen:
    """A UDF that notes who its calls are for, by the marker that the query gives it, and on which thread."""

    def __init__(self) -> None:
        self.callers: dict[str, set[str | None]] = {}
        self.threads: set[int] = set()
        self.after: set[str | None] = set()
        self.lock = threading.Lock()
        self.on_call: Callable[[], object] = lambda: None

    def __call__(self, marker: str) -> str:
        self.on_call()
        with self.lock:
            self.callers.setdefault(marker, set()).add(caller_id_of(None))
            self.threads.add(threading.get_ident())
        return marker


def open_with(function: Any, database: str = ":memory:") -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(database)
    connection.execute("SET threads TO 2")
    connection.create_function("udf", function, [VARCHAR], VARCHAR, side_effects=True)
    return connection


def test_eight_connections_at_once_each_row_sees_the_caller_of_its_own_query(traced: Traced) -> None:
    seen = Seen()
    barrier = threading.Barrier(8)

    def client(number: int) -> int:
        connection = open_with(seen)
        done = 0
        for query in range(5):
            caller = f"c-{number}-{query}"
            barrier.wait(30)
            toy.set_caller(caller, None, f"connection-{number}")
            rows = connection.execute(f"SELECT udf('{caller}' || (i // 1000000)::VARCHAR) FROM range({FEW}) t(i)")
            done += len(rows.fetchall())
            toy.clear_caller(f"connection-{number}")
        return done

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(client, range(8))) == 8 * 5 * FEW
    assert {marker: callers for marker, callers in seen.callers.items() if callers != {marker[:-1]}} == {}
    assert len(seen.callers) == 40
    assert traced.errors() == {}


def test_duckdbs_own_threads_are_used_and_see_the_caller(traced: Traced) -> None:
    seen = Seen()
    connection = open_with(seen)
    connection.execute(f"CREATE TABLE t AS SELECT 'm' AS m FROM range({ROWS})")
    toy.set_caller("c-1")
    connection.execute("SELECT count(udf(m)) FROM t").fetchall()
    assert seen.callers == {"m": {"c-1"}}
    assert len(seen.threads) > 1


def test_a_native_thread_is_left_as_it_was_between_the_rows(traced: Traced) -> None:
    before: set[str | None] = set()

    def leaky(marker: str) -> str:
        if caller_id_of(None) != "c-1":
            before.add(caller_id_of(None))
        toy.set_caller("leaked")
        return marker

    connection = open_with(leaky)
    toy.set_caller("c-1")
    context = get_current()
    connection.execute("SELECT udf('m') FROM range(10000)").fetchall()
    assert before == set()
    assert get_current() is context


def test_vectorised_arrow_functions_see_the_caller_too(traced: Traced) -> None:
    callers = set()

    def vectorised(column: pa.ChunkedArray) -> pa.ChunkedArray:
        callers.add(caller_id_of(None))
        return column

    connection = duckdb.connect()
    connection.execute("SET threads TO 2")
    connection.create_function("udf", vectorised, [BIGINT], BIGINT, type="arrow")
    toy.set_caller("c-1")
    assert connection.execute(f"SELECT sum(udf(i)) FROM range({ROWS}) t(i)").fetchone() == (ROWS * (ROWS - 1) // 2,)
    assert callers == {"c-1"}


def test_a_function_with_annotations_keeps_them_for_duckdb_to_read(traced: Traced) -> None:
    def double(number: int) -> int:
        return number * 2

    connection = duckdb.connect()
    connection.create_function("double", double)
    assert connection.execute("SELECT double(21)").fetchone() == (42,)


def test_an_exception_of_a_udf_reaches_the_host_as_before(traced: Traced) -> None:
    def fail(marker: str) -> str:
        raise toy.ToyError("out of order")

    connection = open_with(fail)
    with pytest.raises(duckdb.Error, match="out of order"):
        connection.execute("SELECT udf('m')").fetchall()


def test_rows_fetched_late_are_still_those_of_their_query(traced: Traced) -> None:
    seen = Seen()
    connection = open_with(seen)
    toy.set_caller("c-1", None, "one")
    relation = connection.sql("SELECT udf('lazy') FROM range(5000)")
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(lambda: len(relation.fetchall())).result() == 5000
    assert seen.callers == {"lazy": {"c-1"}}


def test_after_its_caller_was_cleared_a_query_is_nobodys(traced: Traced) -> None:
    seen = Seen()
    connection = open_with(seen)
    toy.set_caller("c-1", None, "one")
    relation = connection.sql("SELECT udf('lazy') FROM range(5000)")
    toy.clear_caller("one")
    relation.fetchall()
    assert seen.callers == {"lazy": {None}}


def test_on_a_thread_with_a_caller_of_its_own_that_runs_no_query_we_saw_it_is_that_callers(traced: Traced) -> None:
    seen = Seen()
    connection = open_with(seen)
    udf = traced.ours.tools.queries.carried(connection, seen)
    toy.set_caller("c-1", None, "one")
    connection.sql("SELECT udf('x')")

    def elsewhere() -> None:
        toy.set_caller("c-2", None, "two")
        udf("m")
        assert caller_id_of(None) == "c-2"

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert seen.callers == {"m": {"c-2"}}


def test_rows_that_another_caller_fetches_are_made_for_whom_their_query_runs(traced: Traced) -> None:
    seen = Seen()
    connection = open_with(seen)
    connection.execute("SET threads TO 1")
    toy.set_caller("c-1", None, "one")
    connection.execute(f"SELECT udf('m') FROM range({FEW})")

    def elsewhere() -> None:
        toy.set_caller("c-2", None, "two")
        connection.fetchall()

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert seen.callers == {"m": {"c-1"}}


def test_a_relation_belongs_to_whoever_executes_it_whatever_cursor_was_left_half_read(traced: Traced) -> None:
    seen = Seen()
    connection = open_with(seen)
    connection.execute("SET threads TO 1")
    toy.set_caller("c-1", None, "one")
    half_read = connection.cursor()
    half_read.execute("SELECT 1")

    def elsewhere() -> None:
        toy.set_caller("c-2", None, "two")
        connection.cursor().values(["m"]).project("udf(col0)").fetchall()

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert seen.callers == {"m": {"c-2"}}


def test_a_query_that_fails_leaves_nothing_behind(traced: Traced) -> None:
    seen = Seen()
    connection = open_with(seen)
    toy.set_caller("c-1", None, "one")
    with pytest.raises(duckdb.Error):
        connection.execute("SELECT udf('x') FROM nowhere")
    database = traced.ours.tools.queries._database_of(connection)
    assert database.all() == []


def test_cursors_of_one_database_with_two_callers_are_ambiguous_on_native_threads_and_nothing_is_guessed(
    traced: Traced,
) -> None:
    seen = Seen()
    connection = open_with(seen)
    one, two = connection.cursor(), connection.cursor()
    udf = traced.ours.tools.queries.carried(connection, seen)
    toy.set_caller("c-1", None, "one")
    one.execute("SELECT 1")
    toy.clear_caller("one")
    toy.set_caller("c-1b", None, "one")
    one.execute("SELECT 1")
    in_native_thread(lambda: udf("only one"))
    toy.set_caller("c-2", None, "two")
    two.execute("SELECT 1")
    in_native_thread(lambda: udf("two"))
    two.fetchall()
    in_native_thread(lambda: udf("one is left"))
    # The thread that runs a query itself is never in doubt; with one thread DuckDB has no other.
    two.execute("SET threads TO 1")
    two.execute("SELECT udf('own thread')").fetchall()
    assert seen.callers == {"only one": {"c-1b"}, "two": {None}, "one is left": {"c-1b"}, "own thread": {"c-2"}}
    assert traced.ours.counters.snapshot()["dropped.udf_ambiguous_query"] >= 1


def in_native_thread(call: Callable[[], Any]) -> None:
    """Call it on a thread that no instrumentation of Python's threads has seen, as DuckDB's are."""
    import _thread

    done = threading.Event()

    def run() -> None:
        try:
            call()
        finally:
            done.set()

    _thread.start_new_thread(run, ())
    assert done.wait(10)


def test_two_connections_to_one_file_share_their_functions_and_their_doubts(traced: Traced, tmp_path: Path) -> None:
    seen = Seen()
    first = open_with(seen, str(tmp_path / "shared.duckdb"))
    second = duckdb.connect(str(tmp_path / "." / "shared.duckdb"))
    udf = traced.ours.tools.queries.carried(first, seen)
    toy.set_caller("c-2", None, "two")
    second.execute("SELECT 1")
    in_native_thread(lambda: udf("second's"))
    toy.set_caller("c-1", None, "one")
    first.execute("SELECT 1")
    in_native_thread(lambda: udf("either's"))
    assert seen.callers == {"second's": {"c-2"}, "either's": {None}}


def test_a_connection_opened_before_us_counts_only_on_the_thread_that_runs_its_query(
    instrumented: Callable[..., Traced], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runners, "SHIPPED", (RunnerSpec("toy", "tests", (*toy.SPEC.hooks, *duckdb_hooks.HOOKS)),))
    connection = duckdb.connect()
    traced = instrumented()
    seen = Seen()
    connection.create_function("udf", seen, [VARCHAR], VARCHAR, side_effects=True)
    udf = traced.ours.tools.queries.carried(connection, seen)
    toy.set_caller("c-1")
    connection.execute("SET threads TO 1")
    connection.execute("SELECT udf('own')").fetchall()
    connection.execute("SELECT 1")
    in_native_thread(lambda: udf("native"))
    assert seen.callers == {"own": {"c-1"}, "native": {None}}
    assert traced.ours.counters.snapshot()["dropped.udf_unknown_connection"] >= 1


def test_a_registered_function_is_the_plain_one_after_uninstrumenting(traced: Traced) -> None:
    seen = Seen()
    toy.set_caller("c-1")
    connection = open_with(seen)
    udf = traced.ours.tools.queries.carried(connection, seen)
    RvbbitInstrumentor().uninstrument()
    depths: list[int] = []
    seen.on_call = lambda: depths.append(len(flows.here.frames))
    assert connection.execute("SELECT udf('m')").fetchall() == [("m",)]
    in_native_thread(lambda: udf("native"))
    assert depths == [1, 1]


def test_a_caller_that_a_udf_sets_and_keeps_ends_with_its_call(traced: Traced) -> None:
    """On the thread that asked, where no context is attached around it."""
    seen = Seen()
    toy.set_caller("c-1")
    connection = open_with(seen)
    seen.on_call = lambda: toy.set_caller("c-inner")
    assert connection.execute("SELECT udf('m')").fetchall() == [("m",)]
    assert caller_id_of(None) == "c-1"
    seen.on_call = lambda: None
    connection.execute("SELECT udf('n')").fetchall()
    assert seen.callers == {"m": {"c-inner"}, "n": {"c-1"}}
    assert len(flows.here.frames) == 1


def test_a_fault_of_ours_in_a_udf_changes_nothing_for_the_host(traced: Traced) -> None:
    def broken(database: Any) -> Any:
        raise RuntimeError("a fault of ours")

    traced.ours.tools.queries._context_for = broken  # type: ignore[method-assign]
    seen = Seen()
    udf = traced.ours.tools.queries.carried(open_with(seen), seen)
    in_native_thread(lambda: udf("m"))
    assert seen.callers == {"m": {None}}
    assert traced.errors() == {"errors.queries.udf": 1}
