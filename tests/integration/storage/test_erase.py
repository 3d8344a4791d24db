"""Everything of a caller or a session leaves every table, and stays out when it is sent again."""

from __future__ import annotations

import time

import pytest
from tests.conftest import Store
from tests.support.otlp import NOW, SpanRecord, Value, logs, row, traces

from rvbbit_otel.errors import ConfigurationError
from rvbbit_otel.storage.audits import find_audit, run_audit
from rvbbit_otel.storage.erase import Subject, callers_with, erase, look
from rvbbit_otel.storage.repair import repair

SECRET, OTHER = "sql-secret-fox", "sql-owl"
GONE = Subject("caller", SECRET)
USAGE: dict[str, Value] = {"gen_ai__usage__input_tokens": 7, "gen_ai__request__model": "m"}
TRACE = (77).to_bytes(16, "big")


def root(number: int, caller: str, metadata: str = "{}", trace: bytes | None = None) -> SpanRecord:
    attributes: dict[str, Value] = {
        "rvbbit.kind": "caller",
        "rvbbit.caller.id": caller,
        "rvbbit.caller.metadata": metadata,
    }
    return SpanRecord(number, attributes, f"caller {caller}", trace=trace)


SPANS = (
    root(1, SECRET, '{"user": "ann", "team": 7}'),
    row(2, "s-own", SECRET, rvbbit__session__event="start", **USAGE),
    row(3, "s-own", "", rvbbit__caller__candidate=OTHER),  # Nobody claims it: in a session that is of the caller alone.
    row(4, "s-shared", SECRET, **USAGE),
    row(5, "s-shared", OTHER, rvbbit__caller__conflict=SECRET, **USAGE),
    row(6, "s-other", OTHER, rvbbit__session__parent_id="s-own", **USAGE),
    row(7, "s-nobody", "", rvbbit__caller__candidate=SECRET),
    SpanRecord(8, row(8, "s-own", SECRET).attributes, trace=TRACE),
    SpanRecord(9, row(9, "s-other", OTHER).attributes, trace=TRACE),
    root(10, OTHER, '{"user": "bob"}'),
    SpanRecord(
        11,
        {"rvbbit.caller.id": SECRET, "session.id": "s-own"},
        f"caller {SECRET}",
        at=time.time_ns() - 400 * 86_400 * 10**9,
    ),
)
RECORDS = (
    ("mine", {"rvbbit.caller.id": SECRET, "session.id": "s-own"}),
    (
        f"begun for {SECRET}, and {SECRET}. But not {SECRET}-too",
        {"rvbbit.caller.id": OTHER, "rvbbit.caller.conflict": SECRET},
    ),
)
TABLES = (
    "otel_traces",
    "otel_traces_trace_id_ts",
    "otel_logs",
    "unified_logs",
    "session_facts",
    "caller_facts",
    "calls_told",
    "span_parents",
    "rejected_spans",
    "stragglers_found",
)


def everything(store: Store) -> str:
    """All that the tables hold, as text."""
    return "".join(str(store.whole(f"SELECT * FROM {table}")) for table in TABLES)


@pytest.fixture
def filled(store: Store) -> Store:
    store.send(traces(*SPANS))
    store.send_logs(logs(RECORDS, at=NOW, trace=TRACE))
    repair(store.engine)
    return store


def test_what_an_erasure_would_change_is_told_and_nothing_is_changed(filled: Store) -> None:
    before = everything(filled)
    found = look(filled.engine, [GONE])
    assert found.subjects == (GONE, Subject("session", "s-own"))
    assert found.rows == (
        ("caller_facts", "erased", 1),
        ("otel_logs", "erased", 1),
        ("otel_traces", "erased", 5),
        ("session_facts", "erased", 4),
        ("unified_logs", "erased", 4),
        ("unified_logs", "name taken out", 3),
    )
    assert everything(filled) == before


def test_a_caller_leaves_every_table_and_others_keep_all_of_theirs(filled: Store) -> None:
    filled.engine.command("INSERT INTO stragglers_found SELECT 1, {caller:String}", {"caller": SECRET})
    mine = filled.rows(
        f"SELECT span_id, cost, tokens_in FROM unified_logs WHERE caller_id = '{OTHER}' ORDER BY span_id"
    )
    erase(filled.engine, [GONE])
    # As a word of its own: another id may begin with it.
    assert everything(filled).replace(f"{SECRET}-too", "").count(SECRET) == 0
    assert everything(filled).count("s-own") == 0
    assert (
        filled.rows(f"SELECT span_id, cost, tokens_in FROM unified_logs WHERE caller_id = '{OTHER}' ORDER BY span_id")
        == mine
    )
    assert filled.rows(
        "SELECT span_id, session_id, caller_id, caller_conflict, caller_candidate, parent_session_id FROM unified_logs ORDER BY span_id"
    ) == [
        ("0000000000000006", "s-shared", OTHER, "erased", "", ""),
        ("0000000000000007", "s-other", OTHER, "", "", "erased"),
        ("0000000000000008", "s-nobody", "", "", "erased", ""),
        ("000000000000000a", "s-other", OTHER, "", "", ""),
    ]
    assert filled.rows("SELECT Body, LogAttributes['rvbbit.caller.conflict'] FROM otel_logs") == [
        (f"begun for erased, and erased. But not {SECRET}-too", "erased")
    ]
    assert filled.rows("SELECT caller_id, metadata FROM callers") == [(OTHER, '{"user": "bob"}')]
    assert filled.rows("SELECT reason, sample FROM rejected_spans") == [("time", "erased")]
    assert (
        filled.rows(
            "SELECT DISTINCT TraceId FROM otel_traces_trace_id_ts WHERE TraceId NOT IN (SELECT TraceId FROM otel_traces)"
        )
        == []
    )
    assert filled.one("SELECT uniqExact(call) FROM calls_told") == 2
    assert run_audit(filled.engine, find_audit("erased-data-present")).rows == []
    for rule in ("totals-differ", "rows-missing", "sessions-missing-from-a-table", "caller-differs-between-tables"):
        assert run_audit(filled.engine, find_audit(rule)).rows == []


def test_what_is_sent_again_stays_out_and_says_so_without_a_name(filled: Store) -> None:
    erase(filled.engine, [GONE])
    after = {
        table: filled.whole(f"SELECT * FROM {table} ORDER BY ALL") for table in TABLES if table != "rejected_spans"
    }
    filled.send(traces(*SPANS))
    filled.send(*(traces(span) for span in SPANS))
    filled.send_logs(logs(RECORDS, at=NOW, trace=TRACE))
    # And what comes of others for the first time, and names it.
    filled.send(traces(row(20, "s-new", OTHER, rvbbit__caller__conflict=SECRET, rvbbit__session__parent_id="s-own")))
    filled.send(traces(row(21, "s-new", "", rvbbit__caller__candidate=SECRET)))
    new = f"WHERE {{}} NOT IN ('{21:016x}', '{22:016x}')"
    for table, rows in after.items():
        column = {"otel_traces": "SpanId", "unified_logs": "span_id"}.get(table)
        if column:
            assert filled.whole(f"SELECT * FROM {table} {new.format(column)} ORDER BY ALL") == rows
        elif table == "otel_logs":
            assert filled.whole(f"SELECT * FROM {table} ORDER BY ALL") == rows
    assert filled.rows("SELECT caller_id, user FROM callers") == [(OTHER, "bob")]
    assert everything(filled).replace(f"{SECRET}-too", "").count(SECRET) == 0
    assert everything(filled).count("s-own") == 0
    assert filled.rows(
        "SELECT caller_id, caller_conflict, caller_candidate, parent_session_id FROM unified_logs WHERE session_id = 's-new' ORDER BY span_id"
    ) == [(OTHER, "erased", "", "erased"), ("", "", "erased", "")]
    assert filled.rows(
        "SELECT signal, reason, left_out_of, sum(count), any(sample) FROM rejected_spans WHERE sample != 'erased' GROUP BY ALL ORDER BY ALL"
    ) == [("logs", "erased", "all tables", 1, ""), ("traces", "erased", "all tables", 12, "")]
    assert run_audit(filled.engine, find_audit("erased-data-present")).rows == []
    assert run_audit(filled.engine, find_audit("rejected-spans")).rows[0][:4] == ("traces", "time", "all tables", 1)


def test_a_session_leaves_by_its_id_whoever_its_callers_are(filled: Store) -> None:
    erase(filled.engine, [Subject("session", "s-shared")])
    assert filled.rows("SELECT count(), countIf(session_id = 's-shared') FROM unified_logs") == [(6, 0)]
    assert everything(filled).count("s-shared") == 0
    filled.send(traces(*SPANS))
    assert everything(filled).count("s-shared") == 0


def test_the_audit_finds_what_is_left_of_an_erasure_that_was_cut_off(filled: Store) -> None:
    filled.engine.command("INSERT INTO erased (hash) SELECT sipHash64('caller', {caller:String})", {"caller": SECRET})
    found = run_audit(filled.engine, find_audit("erased-data-present"))
    assert found.rows == [
        ("caller_facts", 1),
        ("otel_logs", 2),
        ("otel_traces", 6),
        ("rejected_spans", 1),
        ("session_facts", 3),
        ("unified_logs", 5),
    ]
    erase(filled.engine, [GONE])
    assert run_audit(filled.engine, find_audit("erased-data-present")).rows == []


def test_callers_are_found_by_their_metadata_and_none_is_an_error(filled: Store) -> None:
    assert callers_with(filled.engine, "user", "ann") == [GONE]
    assert callers_with(filled.engine, "team", "7") == [GONE]
    with pytest.raises(ConfigurationError, match="no caller has user = 'eve' in its metadata"):
        callers_with(filled.engine, "user", "eve")
