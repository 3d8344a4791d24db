"""The published RVBBIT, unedited, in every mode: each session and each row has its caller, in our tables and in the runner's own."""

from __future__ import annotations

import pytest
from tests.runners.modes import MODES, WARM_UP, Mode
from tests.runners.runs import Run
from tests.runners.truth import Tables
from tests.support.all_in_one import AllInOne

from rvbbit_otel.storage import audits
from rvbbit_otel.storage.client import ClickHouseDatabase

TABLES = ("unified_logs", "session_state", "cascade_sessions")


def mode_names() -> list[str]:
    return [mode.name for mode in MODES]


def the(run: Run) -> Tables:
    assert run.ours is not None
    return run.ours


def test_every_client_of_every_mode_was_answered(with_us: Run, without_us: Run) -> None:
    assert {name: errors for name, errors in with_us.errors.items() if errors} == {}
    assert {name: errors for name, errors in without_us.errors.items() if errors} == {}


@pytest.mark.parametrize("mode", MODES, ids=mode_names())
@pytest.mark.parametrize("table", TABLES)
def test_in_our_tables_every_session_and_row_has_its_caller(with_us: Run, table: str, mode: Mode) -> None:
    verdict = the(with_us).verdicts()[table][mode.name]
    assert verdict.exact, str(verdict)
    assert verdict.sessions == mode.expected


@pytest.mark.parametrize("mode", MODES, ids=mode_names())
@pytest.mark.parametrize("table", TABLES)
def test_the_runners_own_tables_are_right_too(with_us: Run, table: str, mode: Mode) -> None:
    verdict = with_us.theirs.verdicts(the(with_us).texts())[table].get(mode.name)
    if verdict is None:
        # It keeps no such row for some sessions that it starts past its own front door, with this package or without.
        assert table == "cascade_sessions" or mode.name == "pipeline"
        return
    assert verdict.exact, str(verdict)


def test_without_this_package_the_same_runs_show_the_defect(without_us: Run, acceptance_table: list[str]) -> None:
    verdicts = without_us.theirs.verdicts()["unified_logs"]
    assert sum(verdict.wrong + verdict.missing + verdict.mixed for verdict in verdicts.values()) > 0, acceptance_table


def test_everything_that_the_runner_logs_is_a_row_of_the_same_session(with_us: Run) -> None:
    assert the(with_us).rows_by_session() == with_us.theirs.rows_by_session()


def test_tokens_count_once_and_are_those_that_the_model_counted(with_us: Run, store: AllInOne) -> None:
    database = ClickHouseDatabase(store.clickhouse)
    counted = database.query("SELECT sum(tokens_in), sum(tokens_out) FROM unified_logs WHERE usage_counted").rows
    totals = database.query("SELECT sum(tokens_in), sum(tokens_out) FROM cascade_sessions").rows
    assert counted == totals == [(sum(i for i, _ in with_us.tokens), sum(o for _, o in with_us.tokens))]


def test_a_third_partys_instrumentation_beside_ours_keeps_the_caller(with_us: Run, store: AllInOne) -> None:
    database = ClickHouseDatabase(store.clickhouse)
    rows = database.query(
        "SELECT caller_source, uniqExact(trace_id, span_id), countIf(caller_id = ''), sum(told_tokens_in) "
        "FROM unified_logs WHERE (trace_id, span_id) IN (SELECT TraceId, SpanId FROM otel_traces "
        "WHERE ScopeName LIKE '%openai%' AND SpanAttributes['gen_ai.usage.input_tokens'] != '') GROUP BY caller_source"
    ).rows
    # It tells of all of them, beside the runner's own rows: that they count once is seen above.
    assert rows == [("echo", len(with_us.tokens), 0, sum(tokens for tokens, _ in with_us.tokens))]


def test_sub_sessions_name_their_parents(with_us: Run) -> None:
    parents = the(with_us).parents
    made = {"subcascades": 2, "cascadetakes": 2, "studio": 4}
    for mode in MODES:
        marked = {row.session_id for row in the(with_us).unified_logs if f"#{mode.name}-" in row.text}
        assert len(marked & parents.keys()) == made.get(mode.name, 0) * mode.clients, mode.name


def test_every_session_has_ended_as_the_runner_says(with_us: Run, store: AllInOne) -> None:
    database = ClickHouseDatabase(store.clickhouse)
    rows = database.query("SELECT status, count() FROM session_state GROUP BY status").rows
    failed = sum(mode.expected for mode in MODES if mode.name == "failing")
    every = WARM_UP.expected + sum(mode.expected for mode in MODES)
    assert sorted(rows) == [("completed", every - failed), ("error", failed)]


def test_every_rule_holds(with_us: Run, store: AllInOne) -> None:
    database = ClickHouseDatabase(store.clickhouse)
    findings = [audits.run_audit(database, audit) for audit in audits.load_audits() if audit.is_rule]
    assert {finding.audit.name: finding.rows for finding in findings if finding.rows} == {}
