"""How much the engine reads for an answer, by its own count: exact, whatever the machine does."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from benchmarks.store import SQL, statement
from tests.conftest import Store

from rvbbit_otel.all_in_one.engine import as_parameters
from rvbbit_otel.storage.audits import load_audits, run_audit

GRANULE = 8192
ROWS = 60_000
BY_CALLER = ("rows_of_a_caller", "sessions_of_a_caller", "cost_of_a_caller")


def _fill(store: Store, first: int, count: int) -> None:
    # Within one day, so that its rows are one part after merging: where a caller's rows lie is the same on every day.
    midnight = datetime.datetime.now(datetime.timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0)
    since = int((midnight - datetime.timedelta(days=1)).timestamp())
    store.engine.command(statement("fill_spans"), {"since": since, "first": first, "count": count})
    store.engine.command("OPTIMIZE TABLE unified_logs FINAL")


def _read(store: Store, file: Path, caller: str) -> tuple[int, int]:
    """Rows of the answer, and rows that the engine read for it."""
    with store.engine.reader() as reader:
        reader.run(f"USE {store.name}", "Null")
        answer = reader.run(file.read_text(), "Native", as_parameters({"caller": caller}))
        return answer.rows, answer.read_rows


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


def test_every_rule_holds_over_rows_that_the_benchmarks_make(filled: Store) -> None:
    assert [audit.name for audit in load_audits() if not run_audit(filled.engine, audit).holds] == []
    assert filled.one("SELECT uniqExact(caller_id) FROM unified_logs") == ROWS // 20 // 320 * 16 + 16
