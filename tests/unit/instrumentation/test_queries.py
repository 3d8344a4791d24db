from __future__ import annotations

import _thread
import asyncio
import gc
import threading
import weakref
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from duckdb.sqltypes import BIGINT, VARCHAR
from opentelemetry.context import get_current
from tests.unit.instrumentation import toy
from tests.unit.instrumentation.conftest import Traced

from rvbbit_otel import called_by
from rvbbit_otel.attribution.propagation import caller_id_of
from rvbbit_otel.instrumentation import RunnerSpec, RvbbitInstrumentor, execution, runners
from rvbbit_otel.instrumentation.runners import duckdb as duckdb_hooks
from rvbbit_otel.instrumentation.state import query_ledger

# Enough rows for two DuckDB threads to share: a thread takes whole row groups.
ROWS = 300_000
FEW = 3_000
SPEC = RunnerSpec("toy", "tests", (*toy.SPEC.hooks, *duckdb_hooks.HOOKS))
TWO = int(duckdb.__version__.partition(".")[0]) >= 2


@pytest.fixture
def traced(instrumented: Callable[..., Traced], monkeypatch: pytest.MonkeyPatch) -> Traced:
    monkeypatch.setattr(runners, "SHIPPED", (SPEC,))
    return instrumented()


class Seen:
    """A UDF that notes who its calls are for, by the marker that the query gives it, and on which thread."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str | None]] = Counter()
        self.threads: set[int] = set()
        self.calls = 0
        self.called = threading.Condition()
        self.on_call: Callable[[], object] = lambda: None

    def __call__(self, marker: str) -> str:
        self.on_call()
        with self.called:
            self.counts[marker, caller_id_of(None)] += 1
            self.threads.add(threading.get_ident())
            self.calls += 1
            self.called.notify_all()
        return marker

    @property
    def callers(self) -> dict[str, set[str | None]]:
        """Whom the calls with each marker were for."""
        return {each: {caller for marker, caller in self.counts if marker == each} for each, _ in self.counts}


def open_with(function: Any, database: str = ":memory:", threads: int = 1) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(database)
    connection.execute(f"SET threads TO {threads}")
    connection.execute("SET streaming_buffer_size = '64KB'")
    connection.create_function("udf", function, [VARCHAR], VARCHAR, side_effects=True)
    return connection


def rows(marker: str, number: int = 20_000) -> str:
    """A query whose rows are made while they are fetched: more than DuckDB makes ahead."""
    return f"SELECT udf('{marker}') FROM range({number})"


def call_natively(traced: Traced, connection: Any, seen: Seen, *markers: str, name: str = "udf") -> None:
    """Call the UDF as DuckDB's own threads do: no instrumentation of Python's threads has seen them, and they run nothing of Python but this."""
    udf = traced.ours.tools.queries.carried(connection, seen, name)
    for marker in markers:
        with seen.called:
            before = seen.calls
            _thread.start_new_thread(udf, (marker,))
            assert seen.called.wait_for(lambda: seen.calls > before, 10)  # noqa: B023 - waited for in this turn


def reader_of(relation: Any) -> pa.RecordBatchReader:
    return relation.to_arrow_reader(1000) if TWO else relation.fetch_record_batch(1000)


def test_eight_connections_at_once_each_row_sees_the_caller_of_its_own_query(traced: Traced) -> None:
    seen = Seen()
    barrier = threading.Barrier(8)

    def client(number: int) -> int:
        connection = open_with(seen, threads=2)
        done = 0
        for query in range(5):
            caller = f"c-{number}-{query}"
            barrier.wait(30)
            toy.set_caller(caller, None, f"connection-{number}")
            result = connection.execute(f"SELECT udf('{caller}' || (i // 1000000)::VARCHAR) FROM range({FEW}) t(i)")
            done += len(result.fetchall())
            toy.clear_caller(f"connection-{number}")
        return done

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(client, range(8))) == 8 * 5 * FEW
    assert {marker: callers for marker, callers in seen.callers.items() if callers != {marker[:-1]}} == {}
    assert len(seen.callers) == 40
    assert traced.errors() == {}


def test_duckdbs_own_threads_are_used_and_see_the_caller(traced: Traced) -> None:
    seen = Seen()
    connection = open_with(seen, threads=2)
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

    connection = open_with(leaky, threads=2)
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


FETCHES: dict[str, Callable[[Any], object]] = {
    "fetchone": lambda connection: connection.fetchone(),
    "fetchmany": lambda connection: connection.fetchmany(5_000),
    "fetchall": lambda connection: connection.fetchall(),
    "fetchnumpy": lambda connection: connection.fetchnumpy(),
    "an arrow table": lambda connection: (connection.to_arrow_table if TWO else connection.fetch_arrow_table)(),
}


@pytest.mark.filterwarnings("ignore:Arrow output on a DB-API result")
@pytest.mark.parametrize("fetch", FETCHES.values(), ids=FETCHES)
def test_rows_that_another_caller_fetches_are_made_for_whom_their_query_runs(
    traced: Traced, fetch: Callable[[Any], object]
) -> None:
    seen = Seen()
    connection = open_with(seen)
    with called_by("first"):
        connection.execute(rows("first"))
        connection.fetchone()
    made = seen.calls
    with called_by("second"):
        while seen.calls == made:
            assert fetch(connection) is not None
        assert caller_id_of(None) == "second"
    assert seen.calls > made
    assert seen.callers == {"first": {"first"}}


def test_a_query_goes_on_for_its_caller_after_the_callers_block_has_ended(traced: Traced) -> None:
    seen = Seen()
    connection = open_with(seen)
    with called_by("first"):
        connection.execute(rows("first"))
    assert len(connection.fetchall()) == 20_000
    assert seen.callers == {"first": {"first"}}
    assert len(execution.here.frames) == 1


def test_a_query_goes_on_for_its_caller_after_the_runner_cleared_it(traced: Traced) -> None:
    seen = Seen()
    connection = open_with(seen)
    toy.set_caller("first", None, "one")
    connection.execute(rows("first"))
    toy.clear_caller("one")
    toy.set_caller("second", None, "two")
    connection.fetchall()
    assert seen.callers == {"first": {"first"}}
    assert caller_id_of(None) == "second"


def test_a_query_that_nobody_asked_for_stays_nobodys_when_somebody_fetches_from_it(traced: Traced) -> None:
    seen = Seen()
    connection = open_with(seen)
    connection.execute(rows("nobody"))
    with called_by("second"):
        connection.fetchall()
    assert seen.callers == {"nobody": {None}}


def test_what_python_runs_within_a_fetch_belongs_to_the_query_also_where_no_udf_of_ours_is_around_it(
    instrumented: Callable[..., Traced], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Seen()
    connection = open_with(seen)
    monkeypatch.setattr(runners, "SHIPPED", (SPEC,))
    instrumented()
    with called_by("first"):
        connection.execute(rows("first"))
    with called_by("second"):
        connection.fetchall()
    assert seen.callers == {"first": {"first"}}


def test_a_relation_belongs_to_whoever_executes_it(traced: Traced) -> None:
    seen = Seen()
    connection = open_with(seen)
    with called_by("first"):
        half_read = connection.cursor()
        half_read.execute("SELECT 1")
        lazy = connection.sql("SELECT udf('second') FROM range(5000)")
        values = connection.values(["second"]).project("udf(col0)")
    with called_by("second"):
        assert len(lazy.fetchall()) == 5000
        assert values.fetchall() == [("second",)]
        values.create("made")
        assert connection.sql("SELECT udf('second')").filter("true").fetchnumpy() is not None
        assert len(lazy) == 5000
        values.show()
    lazy.fetchall()
    assert seen.callers == {"second": {"second", None}}


def test_a_relation_without_a_caller_is_nobodys(traced: Traced) -> None:
    seen = Seen()
    connection = open_with(seen)
    toy.set_caller("c-1", None, "one")
    relation = connection.sql("SELECT udf('lazy') FROM range(5000)")
    toy.clear_caller("one")
    relation.fetchall()
    assert seen.callers == {"lazy": {None}}


def test_a_record_batch_reader_runs_for_the_caller_of_its_query_on_whichever_thread(traced: Traced) -> None:
    seen = Seen()
    connection = open_with(seen)
    with called_by("first"):
        reader = reader_of(connection.sql(rows("first")))

    def read() -> int:
        with called_by("second"):
            return int(reader.read_next_batch().num_rows)

    read()
    thread = threading.Thread(target=read)
    thread.start()
    thread.join()
    with called_by("third"):
        reader.read_all()
    assert seen.callers == {"first": {"first"}}
    assert seen.calls == 20_000


def test_a_query_that_may_be_reading_another_callers_reader_is_nobodys_until_that_is_gone(traced: Traced) -> None:
    seen = Seen()
    connection = open_with(seen)
    other = connection.cursor()
    with called_by("first"):
        relation = connection.sql(rows("first"))
        reader = reader_of(relation)
    with called_by("second"):
        other.execute("SELECT udf('second')").fetchall()
        assert other.execute("SELECT count(*) FROM reader").fetchall() == [(20_000,)]
        nobodys = seen.counts["first", None] + seen.counts["second", None]
        del reader, relation
        other.execute("SELECT udf('second')").fetchall()
    assert seen.counts["second", None] == seen.counts["second", "second"] == 1
    assert seen.callers == {"first": {"first", None}, "second": {"second", None}}
    assert traced.ours.counters.snapshot()["dropped.udf_ambiguous_query"] == nobodys


def test_calls_without_a_connection_work_on_the_default_one(traced: Traced) -> None:
    seen = Seen()
    duckdb.create_function("module_udf", seen, [VARCHAR], VARCHAR, side_effects=True)
    text = rows("first").replace("udf", "module_udf")
    try:
        with called_by("first"):
            duckdb.execute(text)
            gc.collect()
        with called_by("second"):
            duckdb.fetchmany(10)
            duckdb.connect(":default:").fetchone()
            duckdb.fetchall()
        with called_by("first"):
            lazy = duckdb.sql(rows("second").replace("udf", "module_udf"))
            idle = duckdb.cursor()
            idle.execute("SELECT 1")
        with called_by("second"):
            lazy.fetchall()
            duckdb.cursor().execute("SELECT module_udf('second')").fetchall()
            call_natively(traced, duckdb.default_connection(), seen, "nobody is left", name="module_udf")
    finally:
        duckdb.remove_function("module_udf")
    assert seen.callers == {"first": {"first"}, "second": {"second"}, "nobody is left": {None}}


def test_a_cursor_that_was_left_idle_makes_nobody_elses_calls_nobodys(traced: Traced) -> None:
    seen = Seen()
    connection = open_with(seen)
    connection.execute("CREATE TABLE t AS SELECT range AS i FROM range(100000)")
    idle = [connection.cursor() for _ in range(4)]
    with called_by("first"):
        idle[0].execute("SELECT 1")
        idle[1].execute("SELECT * FROM t").fetchone()
        idle[2].execute("SELECT count(udf('first')) FROM range(10)").fetchone()
        with suppress(duckdb.Error):
            idle[3].execute("SELECT udf('first', nothing)")
    with called_by("second"):
        connection.execute(rows("second"))
        connection.fetchone()
        call_natively(traced, connection, seen, "second")
    assert seen.callers == {"first": {"first"}, "second": {"second"}}
    assert "dropped.udf_ambiguous_query" not in traced.ours.counters.snapshot()


def test_two_unfinished_queries_that_call_the_function_are_ambiguous_on_native_threads_and_nothing_is_guessed(
    traced: Traced,
) -> None:
    seen = Seen()
    connection = open_with(seen)
    one, two = connection.cursor(), connection.cursor()
    with called_by("first"):
        one.execute(rows("own"))
    call_natively(traced, connection, seen, "first")
    with called_by("second"):
        two.execute(rows("own"))
    call_natively(traced, connection, seen, "either")
    with called_by("second"):
        two.execute("SELECT count(udf('own')) FROM range(10)")
        one.fetchone()
    call_natively(traced, connection, seen, "first again")
    one.close()
    call_natively(traced, connection, seen, "nobody")
    assert seen.callers == {
        "own": {"first", "second"},
        "first": {"first"},
        "either": {None},
        "first again": {"first"},
        "nobody": {None},
    }
    assert traced.ours.counters.snapshot()["dropped.udf_ambiguous_query"] == 1


def test_two_unfinished_queries_of_one_caller_are_no_doubt(traced: Traced) -> None:
    seen = Seen()
    connection = open_with(seen)
    cascade = toy.Cascade("s-1")
    with called_by("first"):
        connection.execute(rows("first"))
        cascade.run(lambda: connection.cursor().execute(rows("first")))
        gc.collect()
        call_natively(traced, connection, seen, "first")
    assert seen.callers == {"first": {"first"}}


HIDDEN = {
    "a view": ("CREATE VIEW hidden AS SELECT udf('first') FROM range(10000)", "FROM hidden"),
    "a macro": ("CREATE MACRO hidden(m) AS udf(m)", "SELECT hidden('first') FROM range(10000)"),
    "a prepared statement": (f"PREPARE hidden AS {rows('first')}", "EXECUTE hidden"),
    "text in a value": ("SELECT 1", f"FROM query('{rows('first').replace(chr(39), chr(39) * 2)}')"),
}


@pytest.mark.parametrize(("definition", "query"), HIDDEN.values(), ids=HIDDEN)
def test_a_query_that_calls_the_function_without_its_name_is_not_passed_over(
    traced: Traced, definition: str, query: str
) -> None:
    seen = Seen()
    connection = open_with(seen)
    hiding = connection.cursor()
    with called_by("first"):
        hiding.execute(definition)
        hiding.execute(query)
        hiding.fetchone()
    with called_by("second"):
        connection.execute(rows("second"))
    call_natively(traced, connection, seen, "either")
    assert seen.callers == {"first": {"first"}, "second": {"second"}, "either": {None}}


def test_a_query_that_reads_a_relation_by_its_variable_is_not_passed_over(traced: Traced) -> None:
    seen = Seen()
    connection = open_with(seen)
    hiding = connection.cursor()
    with called_by("first"):
        relation = hiding.values(["first"]).project("udf(col0) AS x").query("r", "FROM r, range(10000)")
        hiding.execute("SELECT x FROM relation")
        hiding.fetchone()
    with called_by("second"):
        connection.execute(rows("second"))
    call_natively(traced, connection, seen, "either")
    assert seen.callers["either"] == {None}
    assert relation is not None


def test_a_file_that_was_there_before_may_have_views_that_nobody_saw(traced: Traced, tmp_path: Path) -> None:
    seen = Seen()
    path = str(tmp_path / "old.duckdb")
    RvbbitInstrumentor().uninstrument()
    with open_with(seen, path) as connection:
        connection.execute("CREATE VIEW hidden AS SELECT udf('first') FROM range(10000)")
    RvbbitInstrumentor().instrument(tracer_provider=traced.provider)
    connection = open_with(seen, path)
    hiding = connection.cursor()
    with called_by("first"):
        hiding.execute("FROM hidden").fetchone()
    with called_by("second"):
        connection.execute(rows("second"))
    call_natively(traced, connection, seen, "either")
    assert seen.callers["either"] == {None}


def test_a_failed_query_leaves_nothing_behind(traced: Traced) -> None:
    seen = Seen()
    connection = open_with(seen)
    failing = connection.cursor()
    with called_by("first"):
        for text in ("SELECT udf('first', nope)", "SELEC udf('first')", "SELECT udf('first') FROM range(error('no'))"):
            with pytest.raises(duckdb.Error):
                failing.execute(text)
    assert execution.here.running == []
    with called_by("second"):
        connection.execute(rows("second"))
    call_natively(traced, connection, seen, "second")
    assert seen.callers == {"second": {"second"}}


def test_rows_of_before_that_a_failed_query_left_are_still_their_callers(traced: Traced) -> None:
    """DuckDB 2 keeps them where the text can't be parsed."""
    seen = Seen()
    connection = open_with(seen)
    with called_by("first"):
        connection.execute(rows("first"))
    with called_by("second"):
        with pytest.raises(duckdb.Error):
            connection.execute("SELEC 1")
        with suppress(duckdb.InvalidInputException):
            connection.fetchall()
    assert seen.callers == {"first": {"first"}}


def test_threads_that_execute_on_one_connection_at_once_leave_rows_of_which_nobody_knows_whose_they_are(
    traced: Traced,
) -> None:
    queries = traced.ours.tools.queries
    seen = Seen()
    connection = open_with(seen)
    udf = queries.carried(connection, seen, "udf")
    finished = []
    for caller in ("first", "second"):
        # As two threads do, of which each waits for the other in DuckDB.
        with called_by(caller):
            call = queries.executes(connection, rows(caller), whole=False)
        assert call is not None
        finished.append(call[1])
        execution.here.running.clear()
    for finish, slot in zip(finished, list(queries._ledger.holder_of(connection).starting), strict=True):  # type: ignore[union-attr]
        execution.here.running.append(slot)
        finish({}, None)
    with called_by("third"):
        fetch = queries.fetches(connection, whole=False)
        assert fetch is not None
        context, finish = fetch
        assert context is not None
        assert caller_id_of(context) is None
        udf("either")
        finish({"rows": [1]}, None)
    assert seen.callers == {"either": {None}}
    assert execution.here.running == []


@pytest.mark.parametrize(("fails", "then"), [(False, None), (True, "first")], ids=["waits", "is refused"])
def test_a_query_that_waits_while_another_thread_fetches_makes_the_rest_of_these_rows_nobodys(
    traced: Traced, fails: bool, then: str | None
) -> None:
    seen = Seen()
    connection = open_with(seen)
    with called_by("first"):
        connection.execute(rows("first"))
    before = seen.calls

    def begin() -> None:
        with called_by("second"):
            call = traced.ours.tools.queries.executes(connection, rows("second"), whole=False)
        assert call is not None
        if fails:
            call[1]({}, duckdb.Error("connection is busy with another call"))

    def interrupted() -> None:
        seen.on_call = lambda: None
        thread = threading.Thread(target=begin)
        thread.start()
        thread.join()

    seen.on_call = interrupted
    with called_by("third"):
        connection.fetchall()
    # The call that was interrupted had begun before.
    assert seen.counts == Counter({("first", "first"): before + 1}) + Counter({("first", then): 20_000 - before - 1})


def test_two_connections_to_one_file_share_their_functions_and_their_doubts(traced: Traced, tmp_path: Path) -> None:
    seen = Seen()
    first = open_with(seen, str(tmp_path / "shared.duckdb"))
    second = duckdb.connect(str(tmp_path / "." / "shared.duckdb"))
    with called_by("second"):
        second.execute(rows("second"))
    call_natively(traced, first, seen, "second")
    with called_by("first"):
        first.execute(rows("first"))
    call_natively(traced, first, seen, "either")
    assert seen.callers == {"first": {"first"}, "second": {"second"}, "either": {None}}


def test_two_databases_have_nothing_to_do_with_each_other(traced: Traced, tmp_path: Path) -> None:
    seen = Seen()
    with called_by("first"):
        others = [open_with(seen), open_with(seen, str(tmp_path / "other.duckdb"))]
        for other in others:
            other.execute(rows("first"))
    connection = open_with(seen)
    with called_by("second"):
        connection.execute(rows("second"))
    call_natively(traced, connection, seen, "second")
    assert seen.callers == {"first": {"first"}, "second": {"second"}}


def test_connections_that_were_opened_before_us_belong_to_their_queries_too(
    instrumented: Callable[..., Traced], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runners, "SHIPPED", (SPEC,))
    connection, other = duckdb.connect(), duckdb.connect()
    connection.execute("SET threads TO 1")
    traced = instrumented()
    seen = Seen()
    connection.create_function("udf", seen, [VARCHAR], VARCHAR, side_effects=True)
    with called_by("first"):
        connection.execute(rows("first"))
    call_natively(traced, connection, seen, "first")
    with called_by("second"):
        connection.fetchone()
        other.execute("SELECT i FROM range(100000) t(i)").fetchone()
    # The two may be connections to one database, whose views nobody knows.
    call_natively(traced, connection, seen, "either")
    with called_by("second"):
        connection.fetchall()
    assert seen.callers == {"first": {"first"}, "either": {None}}


def test_a_query_whose_connection_is_dropped_goes_on_until_duckdbs_threads_have_left_it(traced: Traced) -> None:
    """Python's weak references to the connection are told before, and the thread that drops it waits meanwhile."""
    seen = Seen()
    connection = open_with(seen, threads=4)
    connection.execute("CREATE TABLE t AS SELECT range AS i FROM range(500000)")
    main = threading.get_ident()
    waiting, dropped = threading.Event(), threading.Event()

    def wait() -> None:
        if threading.get_ident() != main:
            waiting.set()
            assert dropped.wait(30)

    seen.on_call = wait
    cursors = [connection.cursor()]
    with called_by("first"):
        cursors[0].execute("SELECT udf('first') FROM t")
    assert waiting.wait(30)
    before = seen.calls
    with called_by("second"):
        if TWO:
            reference = weakref.ref(cursors[0], lambda _: dropped.set())
            cursors.clear()
            assert reference() is None
        else:  # There the thread that drops it keeps the interpreter's lock while it waits.
            dropped.set()
            cursors[0].close()
    assert seen.calls > before
    call_natively(traced, connection, seen, "nobody")
    assert seen.callers == {"first": {"first"}, "nobody": {None}}


def test_what_is_over_is_not_kept(traced: Traced) -> None:
    connection = open_with(Seen())
    for _ in range(3 * query_ledger.FIRST_SWEEP):
        connection.cursor().execute(rows("m", 10)).fetchone()
    database = traced.ours.tools.queries._holder_of(connection).database
    assert len(database.open) <= query_ledger.FIRST_SWEEP + 1


def test_queries_within_a_udf_are_their_own(traced: Traced) -> None:
    seen = Seen()
    connection = open_with(seen)
    inner = connection.cursor()

    def outer(marker: str) -> str:
        with called_by("inner"):
            inner.execute("SELECT udf('inner')").fetchall()
        return seen(marker)

    connection.create_function("outer_udf", outer, [VARCHAR], VARCHAR, side_effects=True)
    with called_by("first"):
        connection.execute("SELECT outer_udf('first') FROM range(5)").fetchall()
    assert seen.callers == {"inner": {"inner"}, "first": {"first"}}
    assert execution.here.running == []


def test_a_query_that_one_job_executes_and_another_fetches_is_the_first_ones(traced: Traced) -> None:
    seen = Seen()
    connection = open_with(seen)

    async def execute() -> None:
        with called_by("first"):
            await asyncio.to_thread(connection.execute, rows("first"))

    async def main() -> None:
        await execute()
        with called_by("second"):
            await asyncio.to_thread(connection.fetchall)

    asyncio.run(main())
    assert seen.callers == {"first": {"first"}}


def test_hooks_that_two_specs_have_do_the_same_as_one(
    instrumented: Callable[..., Traced], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runners, "SHIPPED", (SPEC, RunnerSpec("other", "tests", duckdb_hooks.HOOKS)))
    traced = instrumented()
    seen = Seen()
    connection = open_with(seen)
    with called_by("first"):
        connection.execute(rows("first"))
        connection.fetchone()
    with called_by("second"):
        connection.fetchall()
        connection.execute(rows("second"))
    call_natively(traced, connection, seen, "second")
    with called_by("third"):
        other = connection.cursor()
        other.sql("SELECT udf('third')").fetchall()
        connection.execute(rows("third")).close()
    call_natively(traced, other, seen, "nobody")
    assert seen.callers == {"first": {"first"}, "second": {"second"}, "third": {"third"}, "nobody": {None}}


def test_a_registered_function_is_the_plain_one_after_uninstrumenting(traced: Traced) -> None:
    seen = Seen()
    toy.set_caller("c-1")
    connection = open_with(seen)
    udf = traced.ours.tools.queries.carried(connection, seen)
    RvbbitInstrumentor().uninstrument()
    depths: list[int] = []
    seen.on_call = lambda: depths.append(len(execution.here.frames))
    assert connection.execute("SELECT udf('m')").fetchall() == [("m",)]
    with seen.called:
        _thread.start_new_thread(udf, ("native",))
        assert seen.called.wait_for(lambda: seen.calls == 2, 10)
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
    assert len(execution.here.frames) == 1


def test_a_fault_of_ours_in_a_udf_changes_nothing_for_the_host(traced: Traced) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("a fault of ours")

    traced.ours.tools.queries._context_for = broken  # type: ignore[method-assign]
    seen = Seen()
    call_natively(traced, open_with(seen), seen, "m")
    assert seen.callers == {"m": {None}}
    assert traced.errors() == {"errors.queries.udf": 1}
