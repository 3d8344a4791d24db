"""Each rule finds what breaks it, and nothing else does."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.conftest import Store
from tests.support.otlp import NOW, SpanRecord, Value, logs, row, traces

from rvbbit_otel.errors import ConfigurationError
from rvbbit_otel.storage.audits import _parse, find_audit, load_audits, run_audit
from rvbbit_otel.storage.files import read
from rvbbit_otel.storage.repair import repair

SECOND = 10**9
HOUR = 3600 * SECOND


def healthy(session: str, first: int, parent: str = "", caller: str = "sql-fox") -> list[SpanRecord]:
    more = {"rvbbit__session__parent_id": parent} if parent else {}
    return [
        row(first, session, caller, rvbbit__kind="session", rvbbit__session__event="start", **more),
        row(
            first + 1,
            session,
            caller,
            rvbbit__kind="log",
            rvbbit__usage__counted=True,
            rvbbit__usage__cost=0.5,
            gen_ai__usage__input_tokens=3,
        ),
        row(first + 2, session, caller, rvbbit__kind="cascade", rvbbit__cascade__id="c", rvbbit__session__event="end"),
    ]


def query(caller: str, trace: str, first: int, session: str = "s1", at: int = NOW) -> list[SpanRecord]:
    """What a caller's query leaves in a trace: its own span, the start of a session, the cascade for ten seconds, and a row inside that."""
    root = {"rvbbit.kind": "caller", "rvbbit.caller.id": caller, "rvbbit.caller.source": "explicit"}
    end = {"rvbbit__kind": "cascade", "rvbbit__cascade__id": "c", "rvbbit__session__event": "end"}
    spans = [
        replace(SpanRecord(first, root), name="caller sql", took=12 * SECOND, at=at),
        row(first + 1, session, caller, at=at, rvbbit__kind="session", rvbbit__session__event="start"),
        replace(row(first + 2, session, caller, at=at + SECOND, **end), took=10 * SECOND),
        row(first + 3, session, caller, at=at + 2 * SECOND, rvbbit__kind="log"),
    ]
    parents = (b"", *(own_id(number) for number in (first, first, first + 2)))
    return [
        replace(span, trace=trace.encode().ljust(16, b"."), parent=parent)
        for span, parent in zip(spans, parents, strict=True)
    ]


def own_id(number: int) -> bytes:
    return (number + 1).to_bytes(8, "big")


def inside(trace: str, parent: int, number: int, at: int, caller: str, **attributes: Value) -> SpanRecord:
    """A span in a trace, under the span of a number; of no session unless it names one."""
    named = {name.replace("__", "."): value for name, value in attributes.items()}
    stamp = {"rvbbit.caller.id": caller, "rvbbit.caller.source": "baggage"} if caller else {}
    return SpanRecord(
        number, {**stamp, **named}, at=at, trace=trace.encode().ljust(16, b"."), parent=own_id(parent), name="work"
    )


def broken_rules(store: Store) -> dict[str, list[tuple[object, ...]]]:
    findings = [run_audit(store.engine, audit) for audit in load_audits() if audit.is_rule]
    return {finding.audit.name: finding.rows for finding in findings if not finding.holds}


def without_caller(store: Store) -> None:
    store.send(traces(row(50, "lost", "")))


def two_callers(store: Store) -> None:
    store.send(traces(row(50, "s1", "sql-owl")))


def missing(store: Store) -> None:
    store.engine.command("DELETE FROM session_facts WHERE session_id = 's2' SETTINGS lightweight_deletes_sync = 2")


def row_missing(store: Store) -> None:
    """One that costs nothing, so that no total tells."""
    store.engine.command(
        "DELETE FROM unified_logs WHERE session_id = 's2' AND kind = 'session' SETTINGS lightweight_deletes_sync = 2"
    )


def never_ended(store: Store) -> None:
    store.send(
        traces(row(50, "hung", at=NOW - 2 * HOUR, rvbbit__session__event="start", rvbbit__session__status="running"))
    )


def _keep_doubles(store: Store, table: str) -> None:
    # Not SYSTEM STOP MERGES: the engine has no grant of SYSTEM.
    store.engine.command(
        f"ALTER TABLE {table} MODIFY SETTING max_bytes_to_merge_at_max_space_in_pool = 1, max_bytes_to_merge_at_min_space_in_pool = 1"
    )


def duplicate(store: Store) -> None:
    _keep_doubles(store, "unified_logs")
    store.engine.command(
        "INSERT INTO unified_logs SELECT * FROM unified_logs WHERE session_id = 's1' AND cost > 0 LIMIT 1"
    )


def parents_caller(store: Store) -> None:
    store.send(traces(*healthy("child", 50, "s1", "sql-owl")))


def another_caller(store: Store) -> None:
    """A span of a library in one caller's trace, credited to another that is at work too."""
    store.send(traces(*query("sql-owl", "owl", 50, "s3"), inside("owl", 52, 60, NOW + 5 * SECOND, "sql-fox")))


def conflict(store: Store) -> None:
    store.send(traces(row(50, "s1", rvbbit__caller__conflict="sql-stale")))


def rejected(store: Store) -> None:
    store.send(traces(SpanRecord(50, {"session.id": "s1"}, trace=b"x")))


def set_aside(store: Store) -> None:
    store.engine.command("ALTER TABLE schema_migrations DETACH PARTITION ID 'all'")


def quarantined(store: Store) -> None:
    kept = ["00000001-00000046", "traces", 100, "store", "engine code 33", "2026-11-26 12:00:00.000"]
    store.engine.command(read("quarantine/fill.sql"), {"rows": json.dumps(kept)})


def counted_twice(store: Store) -> None:
    """Two instrumentations tell of one call, by two inserts that do not see each other."""
    usage: dict[str, Value] = {"gen_ai__operation__name": "chat", "gen_ai__usage__input_tokens": 4}
    for number, scope in ((50, "framework"), (51, "client")):
        store.send(traces(row(number, "s1", **usage), scope_name=scope))
    wait = "SETTINGS mutations_sync = 2"
    store.engine.command(f"ALTER TABLE calls_told UPDATE counted_in = told_in WHERE told_in = 4 {wait}")
    store.engine.command(
        f"ALTER TABLE unified_logs UPDATE tokens_in = 4, usage_counted = true WHERE told_tokens_in = 4 {wait}"
    )


def counted_in_the_agents_sum_too(store: Store) -> None:
    usage: dict[str, Value] = {"gen_ai.usage.input_tokens": 4, "session.id": "s1", **STAMP}
    for number, told, parent in ((50, 4, 52), (51, 5, 52), (52, 9, 0)):
        span = SpanRecord(
            number,
            {**usage, "gen_ai.usage.input_tokens": told},
            trace=b"agent".ljust(16, b"."),
            parent=own_id(parent) if parent else b"",
        )
        store.send(traces(span))
    wait = "SETTINGS mutations_sync = 2"
    store.engine.command(f"ALTER TABLE calls_told UPDATE counted_in = told_in WHERE told_in = 9 {wait}")
    store.engine.command(
        f"ALTER TABLE unified_logs UPDATE tokens_in = 9, usage_counted = true WHERE told_tokens_in = 9 {wait}"
    )


def not_counted(store: Store) -> None:
    """A stream whose client did not ask for its usage; a call of the same session an hour ago told its own."""
    store.send(traces(row(50, "s1", gen_ai__operation__name="chat", at=NOW - HOUR)))


STAMP: dict[str, Value] = {"rvbbit.caller.id": "sql-fox", "rvbbit.caller.source": "echo"}
BREAKS: dict[str, tuple[Callable[[Store], None], set[str]]] = {
    "parts-set-aside": (set_aside, {"parts-set-aside"}),
    "quarantined-requests": (quarantined, {"quarantined-requests"}),
    "rows-without-caller": (without_caller, {"rows-without-caller"}),
    "sessions-with-two-callers": (two_callers, {"sessions-with-two-callers"}),
    "sessions-missing-from-a-table": (missing, {"sessions-missing-from-a-table"}),
    "rows-missing": (row_missing, {"rows-missing"}),
    "sessions-never-ended": (never_ended, {"sessions-never-ended"}),
    "duplicates": (duplicate, {"duplicates", "totals-differ"}),
    "totals-differ": (duplicate, {"duplicates", "totals-differ"}),
    "parents-with-another-caller": (parents_caller, {"parents-with-another-caller"}),
    "rows-with-another-caller": (another_caller, {"rows-with-another-caller"}),
    "conflicts": (conflict, {"conflicts"}),
    "counted-twice": (counted_twice, {"counted-twice", "totals-differ"}),
    "not-counted": (not_counted, {"not-counted"}),
    "rejected-spans": (rejected, {"rejected-spans"}),
    "erased-data-present": (
        # An erasure that was cut off before it had removed anything.
        lambda store: store.engine.command("INSERT INTO erased (hash) SELECT sipHash64('session', 's1')"),
        {"erased-data-present"},
    ),
    "caller-differs-between-tables": (
        lambda store: store.engine.command(
            "ALTER TABLE unified_logs UPDATE caller_id = 'sql-abc' WHERE session_id = 's1' SETTINGS mutations_sync = 2"
        ),
        {"caller-differs-between-tables"},
    ),
}


def test_every_rule_has_a_test_that_breaks_it() -> None:
    assert {audit.name for audit in load_audits() if audit.is_rule} == BREAKS.keys()


def test_a_healthy_store_breaks_no_rule(store: Store) -> None:
    store.send(traces(*healthy("s1", 1), *healthy("s2", 10, "s1")))
    assert broken_rules(store) == {}


@pytest.mark.parametrize("name", BREAKS)
def test_a_rule_finds_what_breaks_it_and_only_that_rule_does(store: Store, name: str) -> None:
    store.send(traces(*healthy("s1", 1), *healthy("s2", 10)))
    spoil, expected = BREAKS[name]
    spoil(store)
    assert broken_rules(store).keys() == expected


@pytest.mark.parametrize("table", ["unified_logs", "otel_traces", "otel_logs"])
def test_a_double_is_found_in_whichever_table_it_is(store: Store, table: str) -> None:
    store.send(traces(row(1)))
    store.send_logs(logs([("hello", {"session.id": "s1"})]))
    _keep_doubles(store, table)
    store.engine.command(f"INSERT INTO {table} SELECT * FROM {table}")
    ids = ("", "") if table == "otel_logs" else (f"{2:032x}", f"{2:016x}")
    assert run_audit(store.engine, find_audit("duplicates")).rows == [(table, *ids, 2)]


def test_the_finding_names_the_session_and_both_callers(store: Store) -> None:
    store.send(traces(*healthy("s1", 1), row(50, "s1", "sql-owl", at=NOW + 1)))
    finding = run_audit(store.engine, find_audit("sessions-with-two-callers"))
    assert finding.columns == ("session_id", "callers", "sources", "rows", "first_at", "example")
    assert [found[:4] for found in finding.rows] == [("s1", ["sql-fox", "sql-owl"], ["echo"], 1)]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_rows_of_two_callers_that_begin_at_the_very_same_time_are_all_counted(
    store: Store, order: tuple[int, ...]
) -> None:
    spans = [row(1, "s1", "sql-fox"), row(2, "s1", "sql-fox"), row(3, "s1", "sql-owl")]
    after = row(4, "s1", "sql-fox", at=NOW + 1_000_000)  # At the moment at which they end.
    store.send(traces(*(spans[number] for number in order), after))
    finding = run_audit(store.engine, find_audit("sessions-with-two-callers"))
    assert [found[:4] for found in finding.rows] == [("s1", ["sql-fox", "sql-owl"], ["echo"], 3)]


MINUTE = 60 * SECOND
OWL = {"rvbbit.caller.id": "sql-owl", "rvbbit.caller.origin": "sql", "rvbbit.kind": "caller"}
# What is as it should be, though more than one caller is in it.
CLEAN: dict[str, list[SpanRecord]] = {
    "a session id that comes again later, twice for the first caller": [
        *query("sql-fox", "a", 10),
        *query("sql-owl", "b", 20, at=NOW + MINUTE),
        *query("sql-fox", "a", 30, at=NOW + 2 * MINUTE),
    ],
    "a session id that comes again in the same trace": [
        *query("sql-fox", "a", 10),
        *query("sql-owl", "a", 20, at=NOW + MINUTE),
    ],
    "a session id that comes again the moment the run before it ends": [
        *query("sql-fox", "a", 10),
        *query("sql-owl", "b", 20, at=NOW + 11 * SECOND),
    ],
    "a block of another caller inside, in a trace of its own": [
        *query("sql-fox", "a", 10),
        *query("sql-owl", "b", 20, "s2", at=NOW + 2 * SECOND),
    ],
    "a caller whose own span hangs under a span of another's, since nothing of that was handed on": [
        *query("sql-fox", "a", 10),
        replace(inside("a", 12, 20, NOW + 3 * SECOND, "sql-owl", **OWL), name="caller sql", took=SECOND),
        inside("a", 20, 21, NOW + 3 * SECOND, "sql-owl"),
    ],
    "a caller whose own span has not come yet": [
        *query("sql-fox", "a", 10),
        inside("a", 999, 21, NOW + 3 * SECOND, "sql-owl"),
    ],
    "a span that nobody claims under one with a caller": [
        *query("sql-fox", "a", 10),
        inside("a", 12, 20, NOW + 3 * SECOND, "", rvbbit__caller__candidate="sql-fox"),
    ],
}


@pytest.mark.parametrize("what", CLEAN)
def test_what_is_of_two_callers_as_it_should_be_breaks_no_rule(store: Store, what: str) -> None:
    store.send(traces(*CLEAN[what]))
    assert broken_rules(store) == {}


def test_no_audit_sees_a_wrong_caller_on_which_every_witness_agrees(store: Store) -> None:
    """What `docs/explanation/whose-work-it-is.md` says plainly: sql-owl's job, credited to sql-fox in a trace of its own."""
    store.send(
        traces(
            *query("sql-fox", "a", 10),
            *query("sql-owl", "b", 20, "s2"),
            replace(inside("z", 999, 30, NOW + 3 * SECOND, "sql-fox"), name="work of sql-owl"),
        )
    )
    assert broken_rules(store) == {}


def test_a_row_that_says_that_two_answers_differed_breaks_no_rule_but_that_for_conflicts(store: Store) -> None:
    """A row that names its caller itself, inside somebody's session, and what hangs under it."""
    by_hand = {"rvbbit__caller__source": "explicit", "rvbbit__caller__conflict": "sql-fox", "session__id": "s1"}
    child = {"rvbbit__caller__source": "echo", "session__id": "s1"}
    store.send(
        traces(
            *query("sql-fox", "a", 10),
            *query("sql-owl", "b", 20, "s2"),
            inside("a", 12, 30, NOW + 3 * SECOND, "sql-owl", **by_hand),
            inside("a", 30, 31, NOW + 3 * SECOND, "sql-fox", **child),
        )
    )
    assert broken_rules(store).keys() == {"conflicts"}


@pytest.mark.parametrize(
    "known", [True, False], ids=["of a caller that is at work", "of a caller of whom nothing is known"]
)
@pytest.mark.parametrize("session", ["s1", ""], ids=["of a session", "that names no session"])
@pytest.mark.parametrize("parent", [12, 999], ids=["under a stored span", "under one that is not stored"])
def test_a_row_with_another_caller_is_found_by_everything_that_says_another(
    store: Store, known: bool, session: str, parent: int
) -> None:
    own = {"session__id": session, "rvbbit__caller__source": "baggage"} if session else {}
    store.send(
        traces(
            *query("sql-fox", "a", 10),
            *(query("sql-owl", "b", 20, "s2") if known else []),
            inside("a", parent, 30, NOW + 3 * SECOND, "sql-owl", **own),
        )
    )
    witnesses = ["caller span"] * known + ["parent span"] * (parent == 12) + ["session"] * bool(session)
    finding = run_audit(store.engine, find_audit("rows-with-another-caller"))
    columns = ("witness", "names", "caller_id", "caller_source", "session_id", "trace_id", "span_id", "name")
    assert finding.columns == columns
    trace = b"a".ljust(16, b".").hex()
    of = session or f"trace-{trace}"
    assert finding.rows == [
        (witness, ["sql-fox"], "sql-owl", "baggage", of, trace, own_id(30).hex(), "work") for witness in witnesses
    ]
    later = run_audit(store.engine, find_audit("rows-with-another-caller"), {"since": "2100-01-01 00:00:00"})
    assert later.rows == []


@pytest.mark.parametrize(
    "order", [1, -1], ids=["the one that began first is first", "the one that began first is last"]
)
def test_two_callers_of_a_session_at_once_are_found_whichever_trace_they_are_in(store: Store, order: int) -> None:
    spans = [*query("sql-fox", "a", 10), *query("sql-owl", "b", 20, at=NOW + 10 * SECOND)]
    store.send(*(traces(span) for span in spans[::order]))
    assert [row[:4] for row in broken_rules(store)["sessions-with-two-callers"]] == [
        ("s1", ["sql-fox", "sql-owl"], ["echo"], 1)
    ]


def test_a_session_that_began_anew_and_was_killed_never_ended_and_one_of_which_no_runner_told_did(store: Store) -> None:
    killed = row(14, "s1", at=NOW - HOUR - MINUTE, rvbbit__kind="session", rvbbit__session__event="start")
    untold = row(20, "s2", at=NOW - 3 * HOUR, rvbbit__caller__source="baggage")
    store.send(traces(*query("sql-fox", "a", 10, at=NOW - 2 * HOUR), killed, untold))
    assert [row[:2] for row in broken_rules(store)["sessions-never-ended"]] == [("s1", "sql-fox")]


def test_rows_without_a_caller_are_shown_with_whom_they_were_inherited_from(store: Store) -> None:
    nobody = {"rvbbit__caller__source": "none"}
    store.send(
        traces(
            row(1, "jobs", "", rvbbit__caller__candidate="sql-owl", **nobody),
            row(2, "jobs", "", rvbbit__caller__candidate="sql-fox", **nobody),
            row(3, "jobs", "", rvbbit__caller__candidate="sql-fox", **nobody),
            row(4, "other", "", rvbbit__caller__id="no good", **nobody),
        )
    )
    finding = run_audit(store.engine, find_audit("rows-without-caller"))
    assert finding.columns == ("session_id", "rows", "candidates", "refused_ids", "first_row", "service", "example")
    assert [found[:4] for found in finding.rows] == [("jobs", 3, ["sql-fox", "sql-owl"], 0), ("other", 1, [], 1)]


def test_what_nobody_claims_is_reported_by_candidate_rows_and_spans_of_no_session_alike(store: Store) -> None:
    loose = SpanRecord(5, {"rvbbit.caller.source": "none", "rvbbit.caller.candidate": "sql-fox"}, at=NOW + SECOND)
    candidate = {"rvbbit__caller__source": "none", "rvbbit__caller__candidate": "sql-fox"}
    store.send(traces(row(1, "jobs", "", **candidate), row(2, "s1"), row(3, "lost", ""), loose, service="worker"))
    finding = run_audit(store.engine, find_audit("candidates"))
    assert finding.columns == ("service", "candidate", "spans", "rows", "sessions", "first_at", "last_at", "example")
    assert [found[:5] for found in finding.rows] == [("worker", "sql-fox", 2, 1, 1)]


def test_what_is_known_by_inheritance_alone_is_reported_as_a_share_of_each_service(store: Store) -> None:
    weak = {"rvbbit__caller__source": "inherited", "rvbbit__usage__counted": True, "rvbbit__usage__cost": 0.25}
    store.send(traces(row(1), row(2), row(3, "s2", "sql-owl", **weak), service="web"))
    store.send(traces(row(4), row(5, "lost", ""), service="runner"))
    finding = run_audit(store.engine, find_audit("inherited-by-service"))
    assert finding.columns == ("service", "rows", "inherited", "percent", "callers", "cost", "example")
    assert finding.rows == [("web", 3, 1, 33.33, 1, 0.25, "log"), ("runner", 2, 0, 0, 0, 0, "")]


def test_the_reports_add_up_with_what_nobody_claims_as_a_row_of_its_own(store: Store) -> None:
    store.send(
        traces(
            *healthy("s1", 1),
            *healthy("s2", 10, caller="sql-owl"),
            row(50, "lost", "", rvbbit__usage__counted=True, rvbbit__usage__cost=2.0),
        )
    )
    costs = run_audit(store.engine, find_audit("cost-by-caller"))
    where = [costs.columns.index(name) for name in ("caller_id", "sessions", "rows", "tokens_in", "cost")]
    assert [tuple(row[each] for each in where) for row in costs.rows] == [
        ("", 1, 1, 0, 2.0),
        ("sql-fox", 1, 3, 3, 0.5),
        ("sql-owl", 1, 3, 3, 0.5),
    ]
    assert store.one("SELECT sum(cost) FROM unified_logs") == 3.0
    coverage = run_audit(store.engine, find_audit("coverage"))
    assert [(row[0], row[1]) for row in coverage.rows] == [("echo", 6), ("none", 1)]


def test_the_three_questions_are_word_for_word_those_of_the_acceptance() -> None:
    assert read("acceptance/by-caller.sql").strip() == (
        "SELECT caller_id, COUNT(*) as row_count, COUNT(DISTINCT session_id) as session_count\n"
        "FROM unified_logs WHERE caller_id LIKE 'sql-%' AND timestamp > now() - INTERVAL 5 MINUTE GROUP BY caller_id;"
    )
    assert read("acceptance/sessions.sql").strip() == (
        "SELECT caller_id, session_id, status FROM session_state\nWHERE caller_id LIKE 'sql-%' ORDER BY started_at DESC LIMIT 10;"
    )
    assert read("acceptance/cascades.sql").strip() == (
        "SELECT caller_id, session_id, cascade_id FROM cascade_sessions\nWHERE caller_id LIKE 'sql-%' ORDER BY created_at DESC LIMIT 10;"
    )


def test_a_parameter_is_bound_and_an_unknown_one_is_named(store: Store) -> None:
    store.send(traces(row(50, "lost", "")))
    audit = find_audit("rows-without-caller")
    assert len(run_audit(store.engine, audit, {"since": "2000-01-01 00:00:00"}).rows) == 1
    assert run_audit(store.engine, audit, {"since": "2100-01-01 00:00:00"}).rows == []
    with pytest.raises(ConfigurationError, match="takes no parameter 'sice'; it takes since"):
        run_audit(store.engine, audit, {"sice": "x"})
    with pytest.raises(ConfigurationError, match="there is no audit 'nope'; there are"):
        find_audit("nope")


def test_repair_gives_stragglers_their_sessions_caller_and_never_guesses(store: Store) -> None:
    straggler = row(50, "s1", "")
    stranger = row(51, "unknown", "")
    torn = [row(60, "torn", "sql-a"), row(61, "torn", "sql-b"), row(62, "torn", "")]
    store.send(traces(straggler), traces(*healthy("s1", 1)), traces(stranger, *torn))
    done = repair(store.engine)
    assert (done.rows, done.left) == (1, 2)
    query = "SELECT session_id, caller_id, caller_source FROM unified_logs WHERE span_id IN ('{:016x}', '{:016x}', '{:016x}') ORDER BY span_id"
    assert store.rows(query.format(51, 52, 63)) == [
        ("s1", "sql-fox", "repair"),
        ("unknown", "", "none"),
        ("torn", "", "none"),
    ]
    assert store.rows(f"SELECT caller_id FROM otel_traces WHERE SpanId = '{51:016x}'") == [("sql-fox",)]
    store.send(traces(straggler))
    assert repair(store.engine).rows == 0
    assert store.one("SELECT count() FROM unified_logs WHERE session_id = 's1'") == 4


def seconds(time: int) -> str:
    """A moment as the commands give it: seconds since 1970, whichever zone the server is in."""
    return str(time // SECOND)


@pytest.mark.parametrize("name", [name for name in BREAKS if find_audit(name).has_window])
def test_a_rule_looks_at_the_time_that_it_is_asked_for_and_at_no_other(store: Store, name: str) -> None:
    store.send(traces(*healthy("s1", 1), *healthy("s2", 10)))
    BREAKS[name][0](store)
    audit = find_audit(name)
    whole = run_audit(store.engine, audit)
    within = run_audit(store.engine, audit, {"since": seconds(NOW - 3 * HOUR)})
    assert whole.rows
    # What is found, and where; of spans that begin at the same moment any may be the example.
    assert [found[:2] for found in within.rows] == [found[:2] for found in whole.rows]
    after = NOW - HOUR if name == "sessions-never-ended" else NOW + HOUR
    assert run_audit(store.engine, audit, {"since": seconds(after)}).rows == []


def test_a_session_that_went_on_into_the_time_is_looked_at_as_a_whole(store: Store) -> None:
    """Else what it did before would be missing, and every rule that compares two tables would be broken by that."""
    old = [replace(span, at=NOW - 2 * HOUR) for span in healthy("s1", 1)]
    store.send(traces(*old, *healthy("s1", 10), *healthy("s2", 20, "s1")))
    for audit in load_audits():
        if audit.is_rule and audit.has_window:
            assert run_audit(store.engine, audit, {"since": seconds(NOW - HOUR)}).rows == [], audit.name


def test_every_audit_can_be_asked_of_a_time(store: Store) -> None:
    store.send(traces(*healthy("s1", 1)))
    # What is set aside is out of every table, whenever it came.
    assert {audit.name for audit in load_audits() if not audit.has_window} == {
        "parts-set-aside",
        "quarantined-requests",
    }
    reports = [audit for audit in load_audits() if not audit.is_rule]
    of_now = {audit.name: run_audit(store.engine, audit, {"since": seconds(NOW - HOUR)}).rows for audit in reports}
    assert of_now == {audit.name: run_audit(store.engine, audit).rows for audit in reports}
    assert of_now["candidates"] == []
    assert len(of_now["by-caller"]) == len(of_now["sessions"]) == len(of_now["cascades"]) == 1
    later = [run_audit(store.engine, audit, {"since": seconds(NOW + HOUR)}).rows for audit in reports]
    assert later == [[]] * len(reports)


def test_reports_know_every_kind_of_caller_and_what_nobody_claims(store: Store) -> None:
    callers = ("web-1", "sql-fox", "cron:nightly")
    for number, caller in enumerate(callers):
        store.send(traces(*healthy(f"s{number}", 10 * number, caller=caller)))
    store.send(traces(row(50, "lost", "")))
    by_caller = run_audit(store.engine, find_audit("by-caller"))
    assert by_caller.columns == ("caller_id", "row_count", "session_count")
    assert by_caller.rows == [("cron:nightly", 3, 1), ("sql-fox", 3, 1), ("web-1", 3, 1), ("", 1, 1)]
    sessions = run_audit(store.engine, find_audit("sessions")).rows
    assert sorted((caller, session) for caller, session, _ in sessions) == [
        ("", "lost"),
        ("cron:nightly", "s2"),
        ("sql-fox", "s1"),
        ("web-1", "s0"),
    ]
    cascades = run_audit(store.engine, find_audit("cascades")).rows
    assert sorted(cascades) == [("cron:nightly", "s2", "c"), ("sql-fox", "s1", "c"), ("web-1", "s0", "c")]


def test_a_header_that_does_not_fit_its_statement_is_refused() -> None:
    facts = "-- name: x\n-- kind: rule\n-- title: t\n-- finding: f\n-- remedy: r\n"
    with pytest.raises(ConfigurationError, match=r"x\.sql declares or uses since, and not both"):
        _parse("x.sql", f"{facts}SELECT {{since:DateTime}}")
    with pytest.raises(ConfigurationError, match=r"x\.sql declares or uses since, and not both"):
        _parse("x.sql", f"{facts}-- parameter: since DateTime = 1970-01-01 00:00:00\nSELECT 1")


def test_a_call_that_counts_in_an_agents_sum_too_is_found(store: Store) -> None:
    counted_in_the_agents_sum_too(store)
    (finding,) = (rows for name, rows in broken_rules(store).items() if name == "counted-twice")
    assert [(row[0], row[6]) for row in finding] == [("one in the other", tokens) for tokens in (4, 5, 9)]


def test_calls_that_are_told_of_properly_break_no_rule(store: Store) -> None:
    """A client's span without usage beside the framework's that tells it; an agent that knows of a call more than others told."""
    usage: dict[str, Value] = {"gen_ai__operation__name": "chat", "gen_ai__usage__input_tokens": 4}
    store.send(traces(*healthy("s1", 1)))
    store.send(
        traces(row(50, "s1", **usage), scope_name="framework") + traces(row(51, "s1", gen_ai__operation__name="chat"))
    )
    assert "counted-twice" not in broken_rules(store)
    assert "not-counted" not in broken_rules(store)


def test_models_without_a_price_are_listed_and_make_a_sum_a_lower_bound(store: Store) -> None:
    usage: dict[str, Value] = {
        "gen_ai__operation__name": "chat",
        "gen_ai__request__model": "mine",
        "gen_ai__usage__input_tokens": 4,
    }
    store.send(traces(row(50, "s1", **usage), row(51, "s1", gen_ai__usage__cost=0.25, gen_ai__usage__input_tokens=7)))
    unpriced = run_audit(store.engine, find_audit("unpriced-models"))
    assert [row[:7] for row in unpriced.rows] == [("", "mine", 1, 1, 4, 0, 0)]
    (by_caller,) = run_audit(store.engine, find_audit("cost-by-caller")).rows
    assert by_caller[-3:-2] == ("at least $0.25",)
