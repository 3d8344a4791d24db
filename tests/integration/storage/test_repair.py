"""Late attribution: what nobody claimed gets its session's caller, in every table, and never by guess."""

from __future__ import annotations

from tests.conftest import Store
from tests.support.otlp import logs, row, traces

from rvbbit_otel.storage.repair import STATEMENTS, repair


def test_repairing_an_empty_store_changes_nothing(store: Store) -> None:
    done = repair(store.engine)
    assert (done.rows, done.left) == (0, 0)


def test_a_log_record_gets_its_sessions_caller_though_no_row_lacks_one(store: Store) -> None:
    store.send(traces(row(1)))
    store.send_logs(logs([("known", {"session.id": "s1"}), ("unknown", {"session.id": "s9"}), ("none", {})]))
    assert repair(store.engine).rows == 0
    assert store.rows("SELECT Body, caller_id FROM otel_logs ORDER BY Body") == [
        ("known", "sql-fox"),
        ("none", ""),
        ("unknown", ""),
    ]


def test_a_repair_that_was_cut_off_after_its_first_table_is_finished_by_the_next(store: Store) -> None:
    store.send(traces(row(1, "s1", ""), row(2)))
    store.engine.command(STATEMENTS[0])
    assert store.rows("SELECT SpanId, caller_id FROM otel_traces WHERE caller_id = ''") == [(f"{2:016x}", "")]
    assert repair(store.engine).rows == 0
    assert store.rows("SELECT count() FROM otel_traces WHERE caller_id = ''") == [(0,)]


def test_each_of_many_stragglers_gets_the_caller_of_its_own_session(store: Store) -> None:
    store.send(traces(*[row(number, f"s{number}", f"sql-{number}") for number in range(50)]))
    store.send(traces(*[row(100 + number, f"s{number}", "") for number in range(50)]))
    assert repair(store.engine).rows == 50
    assert store.rows(
        "SELECT count(), countIf(caller_id = concat('sql-', substring(session_id, 2))) FROM unified_logs"
    ) == [(100, 100)]


def test_usage_that_counted_before_counts_after(store: Store) -> None:
    usage = {"gen_ai__operation__name": "chat", "gen_ai__usage__input_tokens": 7}
    store.send(traces(row(1, "s1", "", **usage), row(2, rvbbit__cascade__id="c", rvbbit__kind="cascade")))
    before = store.rows("SELECT sum(tokens_in), count() FROM unified_logs")
    repair(store.engine)
    assert store.rows("SELECT sum(tokens_in), count() FROM unified_logs") == before == [(7, 2)]
    assert store.rows("SELECT caller_id, tokens_in, rows FROM cascade_sessions") == [("sql-fox", 7, 2)]
