"""Each rule finds what breaks it, and nothing else does."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.conftest import Store
from tests.support.otlp import NOW, SpanRecord, logs, row, traces

from rvbbit_otel.errors import ConfigurationError
from rvbbit_otel.storage.audits import find_audit, load_audits, run_audit
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


def conflict(store: Store) -> None:
    store.send(traces(row(50, "s1", rvbbit__caller__conflict="sql-stale")))


def rejected(store: Store) -> None:
    store.send(traces(SpanRecord(50, {"session.id": "s1"}, trace=b"x")))


BREAKS: dict[str, tuple[Callable[[Store], None], set[str]]] = {
    "rows-without-caller": (without_caller, {"rows-without-caller"}),
    "sessions-with-two-callers": (two_callers, {"sessions-with-two-callers"}),
    "sessions-missing-from-a-table": (missing, {"sessions-missing-from-a-table"}),
    "rows-missing": (row_missing, {"rows-missing"}),
    "sessions-never-ended": (never_ended, {"sessions-never-ended"}),
    "duplicates": (duplicate, {"duplicates", "totals-differ"}),
    "totals-differ": (duplicate, {"duplicates", "totals-differ"}),
    "parents-with-another-caller": (parents_caller, {"parents-with-another-caller"}),
    "conflicts": (conflict, {"conflicts"}),
    "rejected-spans": (rejected, {"rejected-spans"}),
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
    store.send(traces(*healthy("s1", 1), row(50, "s1", "sql-owl")))
    finding = run_audit(store.engine, find_audit("sessions-with-two-callers"))
    assert finding.columns == ("session_id", "callers", "sources", "rows")
    assert finding.rows == [("s1", ["sql-fox", "sql-owl"], ["echo"], 4)]


def test_the_reports_add_up_with_what_nobody_claims_as_a_row_of_its_own(store: Store) -> None:
    store.send(
        traces(
            *healthy("s1", 1),
            *healthy("s2", 10, caller="sql-owl"),
            row(50, "lost", "", rvbbit__usage__counted=True, rvbbit__usage__cost=2.0),
        )
    )
    costs = run_audit(store.engine, find_audit("cost-by-caller"))
    assert [(row[0], row[2], row[3], row[4], row[6]) for row in costs.rows] == [
        ("", 1, 1, 0, 2.0),
        ("sql-fox", 1, 3, 3, 0.5),
        ("sql-owl", 1, 3, 3, 0.5),
    ]
    assert store.one("SELECT sum(cost) FROM unified_logs") == 3.0
    coverage = run_audit(store.engine, find_audit("coverage"))
    assert [(row[0], row[1]) for row in coverage.rows] == [("echo", 6), ("none", 1)]


def test_the_three_questions_are_word_for_word_those_of_the_acceptance() -> None:
    assert find_audit("by-caller").sql == (
        "SELECT caller_id, COUNT(*) as row_count, COUNT(DISTINCT session_id) as session_count\n"
        "FROM unified_logs WHERE caller_id LIKE 'sql-%' AND timestamp > now() - INTERVAL 5 MINUTE GROUP BY caller_id;"
    )
    assert find_audit("sessions").sql == (
        "SELECT caller_id, session_id, status FROM session_state\nWHERE caller_id LIKE 'sql-%' ORDER BY started_at DESC LIMIT 10;"
    )
    assert find_audit("cascades").sql == (
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
