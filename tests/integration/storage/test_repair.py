"""Late attribution: what nobody claimed gets the caller of its run, at insert or after, in every table, and never by guess."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import pytest
from tests.conftest import Store
from tests.support.otlp import NOW, SpanRecord, Value, logs, row, traces

from rvbbit_otel.storage.files import read
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


@pytest.mark.parametrize("done", range(1, len(STATEMENTS)))
def test_a_repair_that_was_cut_off_after_some_of_its_tables_is_finished_by_the_next(store: Store, done: int) -> None:
    store.send(traces(row(1, "s1", "")), traces(row(2)))
    store.send_logs(logs([("early", {"session.id": "s1"})]))
    for statement in STATEMENTS[:done]:
        store.engine.command(statement)
    assert repair(store.engine).left == 0
    assert store.rows("SELECT caller_id, caller_source FROM unified_logs ORDER BY span_id") == [
        ("sql-fox", "repair"),
        ("sql-fox", "echo"),
    ]
    for table in ("otel_traces", "otel_logs", "session_state"):
        assert store.rows(f"SELECT DISTINCT caller_id FROM {table}") == [("sql-fox",)]


TABLES = {"unified_logs": "caller_id", "otel_traces": "caller_id", "session_facts": "caller"}


def callers(store: Store) -> dict[str, list[tuple[object, ...]]]:
    """How many rows each caller has, by table."""
    return {
        table: store.rows(f"SELECT {column}, count() FROM {table} GROUP BY {column} ORDER BY {column}")
        for table, column in TABLES.items()
    }


@pytest.mark.parametrize("done", range(1, len(STATEMENTS)))
def test_what_comes_while_a_repair_runs_does_not_make_its_tables_differ(store: Store, done: int) -> None:
    store.send(traces(row(1, "s1", "")), traces(row(2, "s1", "sql-fox")))
    for statement in STATEMENTS[:done]:
        store.engine.command(statement)
    # Now the session has a second caller, so nobody would get a straggler any more; and another straggler came, whose caller is known.
    store.send(traces(row(6, "s2", ""), row(7, "s1", "sql-owl")))
    store.send(traces(row(8, "s3", "")), traces(row(9, "s3", "sql-elk")))
    for statement in STATEMENTS[done:]:
        store.engine.command(statement)
    fox = [(caller, count) for caller, count in callers(store)["unified_logs"] if caller == "sql-fox"]
    assert fox == [("sql-fox", 2)]
    assert len({str(counts) for counts in callers(store).values()}) == 1
    assert store.rows("SELECT count() FROM unified_logs WHERE caller_source = 'repair' AND caller_id = ''") == [(0,)]
    assert repair(store.engine).rows == 1
    assert len({str(counts) for counts in callers(store).values()}) == 1
    assert store.rows("SELECT caller_id, count() FROM unified_logs WHERE session_id = 's3' GROUP BY caller_id") == [
        ("sql-elk", 2)
    ]


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
    assert store.rows("SELECT session_id, caller_id FROM session_state ORDER BY session_id") == [
        ("s1", "sql-fox"),
        ("s2", "sql-owl"),
        ("s3", ""),
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


SECOND = 10**9
_NONE = {"rvbbit__caller__source": "none"}
_EVENT = {"rvbbit__kind": "session", "rvbbit__session__event": "start"}
_END = {"rvbbit__kind": "cascade", "rvbbit__session__event": "end"}
_STATED = {"rvbbit__caller__source": "baggage"}
_WEAK = {"rvbbit__caller__source": "inherited"}


def span(trace: str, caller: str, at: float, took: float = 0.001, **attributes: Value) -> SpanRecord:
    """A row of the session `chat-7` in a trace, `at` seconds after NOW, for `took` seconds."""
    made = row(0, "chat-7", caller, at=NOW + int(at * SECOND), **attributes)
    return replace(made, took=int(took * SECOND), trace=trace.encode().ljust(16, b"."))


def run(trace: str, caller: str, begin: float, end: float, **attributes: Value) -> list[SpanRecord]:
    """What a run of it leaves: its start, and its cascade from then to its end."""
    return [
        span(trace, caller, begin, **_EVENT, **attributes),
        span(trace, caller, begin, end - begin, **_END, **attributes),
    ]


FOX, OWL = "sql-fox", "sql-owl"
# What is known of the session, and spans that name nobody, each with whose it is: '' where that can't be known.
KNOWN: dict[str, tuple[Sequence[SpanRecord], Sequence[tuple[str, SpanRecord]]]] = {
    "a row of the run's own trace, also before and after what is known of it": (
        run("a", FOX, 10, 20),
        [(FOX, span("a", "", 5)), (FOX, span("a", "", 15, **_NONE)), (FOX, span("a", "", 25))],
    ),
    "a row of another trace that lies within the run": (
        run("a", FOX, 10, 20),
        [(FOX, span("b", "", 12)), (FOX, span("c", "", 10, 10)), (FOX, span("d", "", 13, **_NONE))],
    ),
    "a row of another trace from before the run, after it, or longer than it": (
        run("a", FOX, 10, 20),
        [("", span("b", "", 9)), ("", span("c", "", 20.1)), ("", span("d", "", 19, 2)), ("", span("e", "", 9, 20))],
    ),
    "a session id that comes again later for another caller": (
        [*run("a", FOX, 0, 10), *run("b", OWL, 60, 70)],
        [
            (FOX, span("a", "", 5)),
            (FOX, span("c", "", 5)),
            (FOX, span("a", "", 65)),
            (OWL, span("b", "", 65)),
            ("", span("d", "", 68)),
            ("", span("e", "", 30)),
            ("", span("f", "", 80)),
        ],
    ),
    "a session id that comes again for the same caller": (
        [*run("a", FOX, 0, 10), *run("b", FOX, 60, 70)],
        [(FOX, span("c", "", 5)), (FOX, span("d", "", 65)), ("", span("e", "", 30))],
    ),
    "runs of two callers at once": (
        [*run("a", FOX, 0, 10), *run("b", OWL, 5, 20)],
        [
            (FOX, span("a", "", 7)),
            (OWL, span("b", "", 7)),
            ("", span("c", "", 7)),
            (FOX, span("d", "", 2)),
            ("", span("e", "", 15)),
            ("", span("f", "", 4, 2)),
        ],
    ),
    "runs of two callers in one trace": (
        [*run("a", FOX, 0, 10), *run("a", OWL, 60, 70)],
        [("", span("a", "", 5)), ("", span("a", "", 30)), ("", span("b", "", 5))],
    ),
    "a run that nobody claims, after one with a caller": (
        run("a", FOX, 0, 10),
        [("", each) for each in (*run("b", "", 60, 70, **_NONE), span("b", "", 65, **_NONE), span("c", "", 65))],
    ),
    "a run that nobody claims, in the trace of one with a caller": (
        run("a", FOX, 0, 10),
        [("", each) for each in (*run("a", "", 60, 70, **_NONE), span("a", "", 65, **_NONE), span("a", "", 5))],
    ),
    "a run that nobody claims, at the time of one with a caller": (
        run("a", FOX, 0, 10),
        [
            *(("", each) for each in run("b", "", 2, 8, **_NONE)),
            ("", span("b", "", 5)),
            ("", span("c", "", 5)),
            (FOX, span("a", "", 5)),
            ("", span("d", "", 9)),
        ],
    ),
    "a run whose every row lost its caller, at the time of one with a caller": (
        run("a", FOX, 0, 10),
        [*(("", each) for each in run("b", "", 2, 8)), ("", span("c", "", 5)), ("", span("d", "", 9))],
    ),
    "a run whose start lost its caller": (
        run("a", FOX, 0, 10)[1:],
        [(FOX, run("a", "", 0, 10)[0]), (FOX, span("b", "", 5))],
    ),
    "a row that its program gave up as nobody's, or that names a caller id that is none": (
        run("a", FOX, 0, 10),
        [
            ("", span("a", "", 5, rvbbit__caller__candidate=FOX, **_NONE)),
            ("", span("b", "", 5, rvbbit__caller__candidate=FOX, **_NONE)),
            ("", span("a", "", 5, rvbbit__caller__id="no good")),
            ("", span("c", "", 5, rvbbit__caller__id="no good", **_NONE)),
            (FOX, span("a", "", 5, **_NONE)),
        ],
    ),
    "a session of which no runner told, in one trace": (
        [span("a", FOX, 0, 10, **_STATED), span("a", FOX, 5, **_STATED)],
        [(FOX, span("a", "", 5)), ("", span("b", "", 5))],
    ),
    "a block of a caller inside a run that nobody claims": (
        [span("a", FOX, 5, **_STATED)],
        [("", each) for each in (*run("a", "", 0, 10, **_NONE), span("a", "", 5), span("a", "", 6, **_NONE))],
    ),
    "a caller that is only known by what was inherited": (
        [span("a", FOX, 0, 10, **_WEAK)],
        [("", span("a", "", 5)), ("", span("b", "", 5))],
    ),
    "a run with a row of its caller that is only inherited, and one that another caller claims for itself": (
        [*run("a", FOX, 0, 10), span("b", FOX, 5, **_WEAK), span("c", OWL, 8, rvbbit__caller__source="explicit")],
        [(FOX, span("a", "", 5)), (FOX, span("d", "", 5)), ("", span("c", "", 8)), ("", span("e", "", 8))],
    ),
}


def numbered(spans: Sequence[SpanRecord], first: int) -> list[SpanRecord]:
    return [replace(each, number=number) for number, each in enumerate(spans, first)]


@pytest.mark.parametrize("sent", ["what is known first", "in one block", "the stragglers first"])
@pytest.mark.parametrize("what", KNOWN)
def test_a_straggler_gets_the_caller_of_its_run_where_that_is_known_and_none_where_not(
    store: Store, what: str, sent: str
) -> None:
    known, stragglers = numbered(KNOWN[what][0], 1), numbered([each for _, each in KNOWN[what][1]], 101)
    owners = [(f"{number + 1:016x}", owner) for number, (owner, _) in enumerate(KNOWN[what][1], 101)]
    stated = [(f"{each.number + 1:016x}", each.attributes["rvbbit.caller.id"]) for each in known]
    if sent == "in one block":
        store.send(traces(*stragglers[::2], *known, *stragglers[1::2]))
    else:
        store.send(*([traces(*known), traces(*stragglers)][:: 1 if sent == "what is known first" else -1]))
    rows = "SELECT span_id, caller_id FROM unified_logs WHERE span_id {} '{:016x}' ORDER BY span_id"
    if sent != "the stragglers first":
        assert store.rows(rows.format(">", 101)) == owners
    mended = repair(store.engine)
    nobodys = sum(owner == "" for _, owner in owners)
    assert (mended.rows, mended.left) == (len(owners) - nobodys if sent == "the stragglers first" else 0, nobodys)
    # Whoever named a caller has it still; what could be known is known in every table; and running it again changes nothing.
    for _ in range(2):
        assert store.rows(rows.format(">", 101)) == owners
        assert store.rows(rows.format("<", 101)) == stated
        assert store.rows("SELECT SpanId, caller_id FROM otel_traces ORDER BY SpanId") == stated + owners
        sources = "SELECT countIf(caller_source = 'repair'), countIf(caller_source = 'none') FROM unified_logs"
        assert store.rows(sources) == [(len(owners) - nobodys, nobodys)]
        by_caller = "SELECT DISTINCT session_id, caller_id FROM {} ORDER BY caller_id"
        assert store.rows(by_caller.format("session_state")) == store.rows(by_caller.format("unified_logs"))
        assert repair(store.engine).rows == 0


@pytest.mark.parametrize("what", KNOWN)
def test_a_log_record_gets_the_caller_of_its_run_where_that_is_known_and_none_where_not(
    store: Store, what: str
) -> None:
    """A record is asked about alone: it starts no run, so those of the spans that do are left out here."""
    known, stragglers = KNOWN[what]
    nobodys_runs = [each for _, each in stragglers if "rvbbit.session.event" in each.attributes]
    records = [(owner, each) for owner, each in stragglers if "rvbbit.session.event" not in each.attributes]
    store.send(traces(*numbered([*known, *nobodys_runs], 1)))
    asked = [(owner, each) for owner, each in records if each.took < SECOND]
    store.send_logs(
        *(
            logs([(f"{number:03}", each.attributes)], at=each.at, trace=each.trace)
            for number, (_, each) in enumerate(asked)
        )
    )
    repair(store.engine)
    assert store.rows("SELECT Body, caller_id FROM otel_logs ORDER BY Body") == [
        (f"{number:03}", owner) for number, (owner, _) in enumerate(asked)
    ]


@pytest.mark.parametrize("sent", ["at once", "the run's first", "nobody's first"])
def test_rows_of_one_minute_and_trace_are_each_counted_for_their_own_caller(store: Store, sent: str) -> None:
    """A program in another language: a call while the run lasts, and one of which nobody knows whose it is, since it came after."""
    usage = {"rvbbit__usage__counted": True, "rvbbit__cascade__id": "ask"}
    known = numbered(run("a", FOX, 0, 10, rvbbit__cascade__id="ask"), 1)
    calls = numbered([span("b", "", at, rvbbit__usage__cost=cost, **usage) for at, cost in ((5, 0.25), (30, 0.5))], 101)
    apart = [traces(call) for call in calls][:: 1 if sent == "the run's first" else -1]
    store.send(traces(*known), *([traces(*calls)] if sent == "at once" else apart))
    expected = [("", 0.5), (FOX, 0.25)]
    for _ in range(2):
        assert (
            store.rows("SELECT caller_id, sum(cost) FROM unified_logs GROUP BY caller_id ORDER BY caller_id")
            == expected
        )
        assert store.rows("SELECT caller_id, cost FROM cascade_sessions ORDER BY caller_id") == expected
        assert repair(store.engine).rows == 0


def test_the_rule_at_insert_is_word_for_word_that_of_the_repair() -> None:
    def rule(name: str) -> list[list[str]]:
        text = " ".join(read(f"migrations/{name}.sql").split())
        parts = [
            r"multiIf\(.*?, '' \)",
            r"max\(said\) OVER own AS .*? AS said_until",
            r"minIf\(told.*? AND NOT max\(claim > 'nobody'\)",
            r"WINDOW .*? ORDER BY began\)",
        ]
        return [re.findall(part, text) for part in parts]

    assert rule("0025_spans_found_mv") == rule("0046_stragglers")
    assert [len(part) for part in rule("0046_stragglers")] == [1, 1, 1, 1]


def test_a_straggler_that_can_not_be_known_yet_is_mended_once_it_can(store: Store) -> None:
    start, end = numbered(run("a", FOX, 0, 10), 1)
    store.send(traces(start), traces(replace(span("b", "", 5), number=101)))
    assert (repair(store.engine).rows, repair(store.engine).left) == (0, 1)
    store.send(traces(end))
    assert (repair(store.engine).rows, repair(store.engine).left) == (1, 0)


def test_rows_that_name_no_cascade_get_that_of_their_session_where_it_is_one(store: Store) -> None:
    store.send(
        traces(
            row(1, "s1", "a", rvbbit__cascade__id="c1"),
            row(2, "s1", "a"),
            row(3, "s1", "b"),  # Another caller's run of the same id: nothing says which cascade that was.
            row(4, "s2", "a", rvbbit__cascade__id="c1"),
            row(5, "s2", "a", rvbbit__cascade__id="c2"),
            row(6, "s2", "a"),  # Of which of the two?
            row(7, "s3", "a"),
        )
    )
    for _ in range(2):
        repair(store.engine)
        assert store.rows("SELECT session_id, caller_id, cascade_id FROM unified_logs ORDER BY span_id") == [
            ("s1", "a", "c1"),
            ("s1", "a", "c1"),
            ("s1", "b", ""),
            ("s2", "a", "c1"),
            ("s2", "a", "c2"),
            ("s2", "a", ""),
            ("s3", "a", ""),
        ]
