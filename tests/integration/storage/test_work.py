"""How much the engine reads for an answer, by its own count: exact, whatever the machine does."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from benchmarks.store import SQL, statement
from tests.conftest import Store

from rvbbit_otel.all_in_one.engine.engine import as_parameters
from rvbbit_otel.storage.audits import load_audits, run_audit
from rvbbit_otel.storage.files import read as packaged

GRANULE = 8192
GRANULE_OF_SESSIONS = 128
ROWS = 60_000
BY_CALLER = ("rows_of_a_caller", "sessions_of_a_caller", "cost_of_a_caller")
STATE = "state_of_a_callers_sessions"


def _fill(store: Store, first: int, count: int) -> None:
    # Within one day, so that its rows are one part after merging: where a caller's rows lie is the same on every day.
    midnight = datetime.datetime.now(datetime.timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0)
    since = int((midnight - datetime.timedelta(days=1)).timestamp())
    store.engine.command(statement("fill_spans"), {"since": since, "first": first, "count": count})
    store.engine.command("OPTIMIZE TABLE unified_logs FINAL")


def _read(store: Store, file: Path, caller: str) -> tuple[int, int]:
    """Rows of the answer, and rows that the engine read for it."""
    return _asked(store, file.read_text(), caller=caller)


def _asked(store: Store, sql: str, **parameters: object) -> tuple[int, int]:
    with store.engine.reader() as reader:
        reader.run(f"USE {store.name}", "Null")
        answer = reader.run(sql, "Native", as_parameters(parameters))
        return answer.rows, answer.read_rows


def _sessions(store: Store, first: int, count: int) -> None:
    """So many sessions of one row, twenty a caller, by the landing table; ids lie as chance has them."""
    store.engine.command(
        "INSERT INTO otel_traces_in (Timestamp, TraceId, SpanId, SpanAttributes)"
        " SELECT now64(9), leftPad(lower(hex(intDiv(number, 20))), 32, '0'), leftPad(lower(hex(number)), 16, '0'),"
        " map('session.id', lower(hex(sipHash64(number))), 'rvbbit.caller.id', concat('sql-', toString(intDiv(number, 20))),"
        " 'rvbbit.cascade.id', 'c', 'rvbbit.session.event', 'end') FROM numbers({first:UInt64}, {count:UInt64})",
        {"first": first, "count": count},
    )
    store.engine.command("OPTIMIZE TABLE session_facts FINAL")


@pytest.mark.parametrize(
    "sql",
    [
        (SQL / "questions" / f"{STATE}.ours.sql").read_text(),
        "SELECT * FROM cascade_sessions WHERE caller_id = {caller:String}",
    ],
    ids=["session_state", "cascade_sessions"],
)
def test_a_callers_sessions_cost_three_granules_each_at_most_however_many_sessions_there_are(
    store: Store, sql: str
) -> None:
    for most in (40_000, 160_000):
        first = int(str(store.one("SELECT count() FROM unified_logs")))
        _sessions(store, first, most - first)
        assert store.one("SELECT uniqExact(session_id) FROM session_facts") == most
        for caller in ("sql-7", "sql-1999"):
            answered, read = _asked(store, sql, caller=caller)
            assert answered == 20
            # A granule of each session, and those beside it, in which FINAL looks for other pieces of the same one; one granule of a thousand
            # is read by mistake.
            assert 20 <= read <= (3 * 20 + 3 * most // GRANULE_OF_SESSIONS // 250) * GRANULE_OF_SESSIONS


def test_one_session_is_read_from_the_granules_in_which_it_can_be(store: Store) -> None:
    _sessions(store, 0, 40_000)
    session = str(store.one("SELECT session_id FROM session_facts LIMIT 1 OFFSET 20000"))
    answered, read = _asked(store, "SELECT * FROM session_state WHERE session_id = {session:String}", session=session)
    assert answered == 1
    assert 0 < read <= 2 * GRANULE_OF_SESSIONS


def test_the_first_question_of_the_acceptance_reads_the_last_minutes_and_nothing_older(filled: Store) -> None:
    _sessions(filled, 10**6, 100)
    filled.engine.command("OPTIMIZE TABLE unified_logs FINAL")
    answered, read = _asked(filled, packaged("acceptance/by-caller.sql"))
    assert (answered, read) == (5, 100)


@pytest.fixture
def filled(store: Store) -> Store:
    _fill(store, 0, ROWS)
    return store


@pytest.mark.parametrize("question", BY_CALLER)
def test_what_asks_by_caller_reads_two_granules_and_no_more_in_twice_the_table(filled: Store, question: str) -> None:
    caller = str(filled.one(f"SELECT caller_id FROM unified_logs ORDER BY timestamp LIMIT 1 OFFSET {ROWS // 2}"))
    file = SQL / "questions" / f"{question}.ours.sql"
    answered, read = _read(filled, file, caller)
    assert answered == {"rows_of_a_caller": 400, "sessions_of_a_caller": 20, "cost_of_a_caller": 1}[question]
    assert 0 < read <= 2 * GRANULE
    _fill(filled, ROWS, ROWS)
    assert filled.one("SELECT count() FROM unified_logs") == 2 * ROWS
    assert _read(filled, file, caller) == (answered, read)


def test_the_stock_table_answers_the_same(filled: Store) -> None:
    filled.engine.command(statement("stock_otel_traces"))
    filled.engine.command(statement("fill_stock"))
    caller = str(filled.one(f"SELECT caller_id FROM unified_logs ORDER BY timestamp LIMIT 1 OFFSET {ROWS // 2}"))
    for question in BY_CALLER:
        ours, stock = (
            filled.engine.query((SQL / "questions" / f"{question}.{of}.sql").read_text(), {"caller": caller}).rows
            for of in ("ours", "stock")
        )
        assert len(ours) == len(stock)
        for mine, theirs in zip(ours, stock, strict=True):
            assert mine[:-1] == theirs[:-1]
            assert mine[-1] == pytest.approx(theirs[-1], rel=1e-12)  # Dollars are added up in another order.
    ours, stock = (
        filled.engine.query((SQL / "questions" / f"{STATE}.{of}.sql").read_text(), {"caller": caller}).rows
        for of in ("ours", "stock")
    )
    # The last column is when the session ended; the stock table's attributes say when its last row began.
    assert len(ours) == 20
    assert [mine[:3] for mine in ours] == [theirs[:3] for theirs in stock]


def test_every_rule_holds_over_rows_that_the_benchmarks_make(filled: Store) -> None:
    assert [audit.name for audit in load_audits() if not run_audit(filled.engine, audit).holds] == []
    assert filled.one("SELECT uniqExact(caller_id) FROM unified_logs") == ROWS // 20 // 320 * 16 + 16
