"""Late attribution: what nobody claimed gets its session's caller, at insert or after, in every table, and never by guess."""

from __future__ import annotations

from tests.conftest import Store
from tests.support.otlp import SpanRecord, logs, row, traces

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
    store.send(traces(row(1, "s1", "")), traces(row(2)))
    store.engine.command(STATEMENTS[0])
    assert store.rows("SELECT SpanId, caller_id FROM otel_traces WHERE caller_id = ''") == [(f"{2:016x}", "")]
    assert repair(store.engine).rows == 0
    assert store.rows("SELECT count() FROM otel_traces WHERE caller_id = ''") == [(0,)]


def test_each_of_many_stragglers_gets_the_caller_of_its_own_session(store: Store) -> None:
    store.send(traces(*[row(100 + number, f"s{number}", "") for number in range(50)]))
    store.send(traces(*[row(number, f"s{number}", f"sql-{number}") for number in range(50)]))
    assert repair(store.engine).rows == 50
    assert store.rows(
        "SELECT count(), countIf(caller_id = concat('sql-', substring(session_id, 2))) FROM unified_logs"
    ) == [(100, 100)]


SOURCES = "SELECT span_id, caller_id, caller_source FROM unified_logs ORDER BY span_id"


def test_a_straggler_of_a_session_that_the_store_knows_gets_its_caller_at_insert(store: Store) -> None:
    store.send(traces(row(1), row(2, "s2", "sql-owl")), traces(row(3, "s1", ""), row(4, "s2", ""), row(5, "s3", "")))
    assert store.rows(SOURCES) == [
        (f"{2:016x}", "sql-fox", "echo"),
        (f"{3:016x}", "sql-owl", "echo"),
        (f"{4:016x}", "sql-fox", "repair"),
        (f"{5:016x}", "sql-owl", "repair"),
        (f"{6:016x}", "", "none"),
    ]
    assert store.rows("SELECT SpanId, caller_id FROM otel_traces ORDER BY SpanId") == [
        (f"{number + 1:016x}", caller) for number, caller in enumerate(["sql-fox", "sql-owl"] * 2 + [""], 1)
    ]
    assert store.rows("SELECT session_id, caller_id, callers_seen FROM session_state ORDER BY session_id") == [
        ("s1", "sql-fox", ["sql-fox"]),
        ("s2", "sql-owl", ["sql-owl"]),
        ("s3", "", []),
    ]


def test_a_straggler_gets_its_caller_from_its_own_block_whatever_the_order(store: Store) -> None:
    store.send(traces(row(1, "s1", ""), row(2), row(3, "s2", "sql-owl"), row(4, "s2", "")))
    assert [(caller, source) for _, caller, source in store.rows(SOURCES)] == [
        ("sql-fox", "repair"),
        ("sql-fox", "echo"),
        ("sql-owl", "echo"),
        ("sql-owl", "repair"),
    ]


def test_a_straggler_of_a_session_with_two_callers_gets_neither(store: Store) -> None:
    store.send(traces(row(1, "s1", "sql-a")), traces(row(2, "s1", "sql-b"), row(3, "s1", "")), traces(row(4, "s1", "")))
    assert [(caller, source) for _, caller, source in store.rows(SOURCES)] == [
        ("sql-a", "echo"),
        ("sql-b", "echo"),
        ("", "none"),
        ("", "none"),
    ]
    assert repair(store.engine).left == 2


def test_spans_of_no_session_get_no_caller_from_others_of_no_session(store: Store) -> None:
    store.send(traces(SpanRecord(1, {"rvbbit.caller.id": "sql-fox"}), SpanRecord(2)), traces(SpanRecord(3)))
    assert store.rows("SELECT SpanId, caller_id FROM otel_traces ORDER BY SpanId") == [
        (f"{2:016x}", "sql-fox"),
        (f"{3:016x}", ""),
        (f"{4:016x}", ""),
    ]


def test_a_straggler_counts_the_same_whether_it_came_before_its_session_or_after(store: Store) -> None:
    usage = {"gen_ai__operation__name": "chat", "gen_ai__usage__input_tokens": 7}
    store.send(traces(row(1, "early", "", **usage)), traces(row(2, "early")), traces(row(3, "late")))
    store.send(traces(row(4, "late", "", **usage)))
    repair(store.engine)
    assert store.rows(
        "SELECT session_id, caller_id, caller_source, tokens_in, usage_counted FROM unified_logs WHERE tokens_in > 0 ORDER BY session_id"
    ) == [("early", "sql-fox", "repair", 7, True), ("late", "sql-fox", "repair", 7, True)]


def test_a_straggler_that_is_sent_again_stays_one_row(store: Store) -> None:
    body = traces(row(3, "s1", ""))
    store.send(body, traces(row(1)), body, body)
    assert store.rows("SELECT count() FROM unified_logs") == [(2,)]
    assert (repair(store.engine).rows, repair(store.engine).rows) == (1, 0)


def test_usage_that_counted_before_counts_after(store: Store) -> None:
    usage = {"gen_ai__operation__name": "chat", "gen_ai__usage__input_tokens": 7}
    store.send(traces(row(1, "s1", "", **usage)), traces(row(2, rvbbit__cascade__id="c", rvbbit__kind="cascade")))
    before = store.rows("SELECT sum(tokens_in), count() FROM unified_logs")
    repair(store.engine)
    assert store.rows("SELECT sum(tokens_in), count() FROM unified_logs") == before == [(7, 2)]
    assert store.rows("SELECT caller_id, tokens_in, usage_rows FROM cascade_sessions") == [("sql-fox", 7, 1)]
