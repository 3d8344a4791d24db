"""Each span counts once: sent again, regrouped, out of order, across midnight, or after a write that was cut off half way."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from tests.conftest import Store
from tests.support.otlp import NOW, SpanRecord, logs, row, traces
from tests.support.sizes import SEED, sized

from rvbbit_otel.all_in_one.engine.error import EngineError
from rvbbit_otel.all_in_one.ingest.trial import Fault, find_fault
from rvbbit_otel.all_in_one.otlp.requests import prepare
from rvbbit_otel.storage.audits import load_audits, run_audit
from rvbbit_otel.storage.otlp import traces_insert

SECOND = 10**9
DAY = 86_400 * SECOND
MIDNIGHT = NOW // DAY * DAY
TOTALS = "SELECT count(), uniqExact(span_id), sum(tokens_in), round(sum(cost), 6) FROM unified_logs"
SESSIONS = (
    "SELECT session_id, caller_id, usage_rows, tokens_in, round(cost, 6) FROM cascade_sessions ORDER BY session_id"
)


def spans(count: int, sessions: int = 5, spread: int = SECOND) -> list[SpanRecord]:
    """Rows of several sessions, each with a cascade; one in three tells of an LLM call of ten tokens and a cent."""
    made = []
    for number in range(count):
        session = f"s{number % sessions}"
        usage = {"rvbbit__usage__counted": True, "gen_ai__usage__input_tokens": 10, "rvbbit__usage__cost": 0.01}
        more = usage if number % 3 == 0 else {}
        kind = "cascade" if number < sessions else "log"
        made.append(
            row(
                number,
                session,
                f"sql-{session}",
                at=NOW + number * spread,
                rvbbit__kind=kind,
                rvbbit__cascade__id="c",
                **more,
            )
        )
    return made


def state(store: Store) -> tuple[object, ...]:
    return (
        store.rows(TOTALS),
        store.rows(SESSIONS),
        store.rows("SELECT * FROM session_state ORDER BY session_id"),
        store.one("SELECT count() FROM otel_traces"),
    )


def test_the_same_batch_sent_ten_times_counts_once(store: Store) -> None:
    batch = traces(*spans(100))
    store.send(batch)
    once = state(store)
    assert once[0] == [(100, 100, 340, 0.34)]
    store.send(*[batch] * 9)
    assert state(store) == once


@pytest.mark.figure(5)
def test_the_same_spans_in_other_batches_and_other_order_count_once(store: Store) -> None:
    every = spans(300)
    store.send(traces(*every))
    once = state(store)
    shuffled = every[:]
    random.Random(7).shuffle(shuffled)
    for size in (1, 7, 64, 299):
        store.send(*(traces(*shuffled[at : at + size]) for at in range(0, 60 if size == 1 else 300, size)))
    assert state(store) == once


def test_doubles_inside_one_batch_and_between_concatenated_requests_count_once(store: Store) -> None:
    every = spans(50)
    store.send(traces(*every, *every) + traces(*every))
    assert store.rows(TOTALS) == [(50, 50, 170, 0.17)]
    assert store.one("SELECT count() FROM otel_traces") == 50


@pytest.mark.figure(6)
def test_a_batch_across_midnight_sent_twice_counts_once(store: Store) -> None:
    across = [row(number, at=MIDNIGHT + (number - 5) * SECOND) for number in range(10)]
    store.send(traces(*across), traces(*reversed(across)))
    by_day = "SELECT toDate(timestamp) AS day, count() FROM unified_logs GROUP BY day ORDER BY day"
    assert [count for _, count in store.rows(by_day)] == [5, 5]


def test_spans_that_come_hours_late_and_out_of_order_count_once(store: Store) -> None:
    late = spans(40, spread=900 * SECOND // 10)
    for each in reversed(late):
        store.send(traces(each))
    once = state(store)
    store.send(traces(*late))
    assert once[0] == [(40, 40, 140, 0.14)]
    assert state(store) == once


def test_a_span_that_comes_again_after_otel_traces_let_it_go_is_no_second_row(store: Store) -> None:
    old = traces(row(1, at=NOW - 40 * DAY))
    store.send(old)
    store.engine.command("OPTIMIZE TABLE otel_traces FINAL")
    assert store.one("SELECT count() FROM otel_traces") == 0
    store.send(old)
    assert store.rows("SELECT count(), uniqExact(span_id) FROM unified_logs") == [(1, 1)]


def test_a_batch_that_touches_every_day_there_may_be_is_stored_but_for_what_is_too_old(store: Store) -> None:
    daily = traces(*[row(number, f"s{number}", at=NOW - number * DAY - SECOND) for number in range(100)])
    store.send(daily, daily)
    assert store.one("SELECT count() FROM unified_logs") == 90
    assert store.rows("SELECT reason, sum(count) FROM rejected_spans GROUP BY reason") == [("time", 20)]


def test_the_same_log_records_in_other_batches_count_once(store: Store) -> None:
    records = [(f"message {number}", {"session.id": f"s{number % 3}"}) for number in range(60)]
    store.send_logs(logs(records), logs(records[::2] + records[:5]), logs(records[::-1]))
    assert store.rows("SELECT count(), uniqExact(Body) FROM otel_logs") == [(60, 60)]


def test_two_spans_of_one_trace_and_two_traces_with_one_span_id_are_four_rows(store: Store) -> None:
    ids = [(trace, span) for trace in (1, 2) for span in (1, 2)]
    store.send(
        traces(
            *(
                SpanRecord(0, {"session.id": "s1"}, trace=trace.to_bytes(16, "big"), span=span.to_bytes(8, "big"))
                for trace, span in ids
            )
        )
    )
    assert store.one("SELECT count() FROM unified_logs") == 4


@pytest.mark.parametrize("lost", ["otel_traces", "unified_logs", "session_facts", "otel_traces_trace_id_ts"])
def test_whichever_table_a_cut_off_insert_did_not_reach_comes_right_when_it_is_sent_again(
    store: Store, lost: str
) -> None:
    every = spans(60)
    first, second = traces(*every[:30]), traces(*every[30:])
    store.send(first, second)
    whole = state(store)
    # As after kill -9 between the tables: all that one of them had is gone, and the client, never answered, sends everything again, regrouped.
    store.engine.command(f"TRUNCATE TABLE {lost}")
    store.send(traces(*every[20:]), traces(*every[:25]))
    assert state(store) == whole


@pytest.mark.figure(5)
@seed(SEED)
@settings(max_examples=sized(25, full=250), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_regrouping_and_replay_gives_the_same_tables(store: Store, data: st.DataObject) -> None:
    for table in ("otel_traces", "unified_logs", "session_facts", "otel_traces_trace_id_ts"):
        store.engine.command(f"TRUNCATE TABLE {table}")
    every = spans(
        data.draw(st.integers(1, 40)), sessions=3, spread=data.draw(st.sampled_from([1, SECOND, 3600 * SECOND // 60]))
    )
    batches = data.draw(st.lists(st.lists(st.sampled_from(every), min_size=1, max_size=30), max_size=6))
    store.send(*(traces(*batch) for batch in batches), traces(*every))
    counted = sum(1 for each in every if "rvbbit.usage.counted" in each.attributes)
    assert store.rows(TOTALS) == [(len(every), len(every), 10 * counted, round(0.01 * counted, 6))]
    per_session = store.rows(
        "SELECT session_id, countIf(usage_counted) FROM unified_logs GROUP BY session_id ORDER BY session_id"
    )
    assert per_session == store.rows(
        "SELECT session_id, length(tupleElement(maxMap(usage), 1)) FROM session_facts GROUP BY session_id ORDER BY session_id"
    )
    broken = {
        finding.audit.name
        for finding in (run_audit(store.engine, audit) for audit in load_audits() if audit.is_rule)
        if finding.rows
    }
    assert broken == set()


@pytest.mark.figure(6)
def test_an_error_behind_a_table_reaches_the_sender_and_the_next_try_makes_it_whole(store: Store) -> None:
    # A view that throws stands for all that can go wrong there, a full disk above all.
    store.engine.command("CREATE TABLE spoilt (a UInt64) ENGINE = Null")
    store.engine.command(
        "CREATE MATERIALIZED VIEW spoiler TO spoilt AS SELECT throwIf(session_id = 's3') + 0 AS a FROM unified_logs"
    )
    batch = traces(*spans(50))
    with pytest.raises(EngineError, match="throwIf") as raised:
        store.send(batch)
    assert raised.value.code == 395
    assert find_fault(store.engine, traces_insert(), prepare("traces", batch)) is Fault.STORE
    store.engine.command("DROP TABLE spoiler")
    store.send(batch)
    assert store.rows(TOTALS) == [(50, 50, 170, 0.17)]
    assert store.one("SELECT count() FROM otel_traces") == 50
    assert store.one("SELECT sum(usage_rows) FROM cascade_sessions") == 17
