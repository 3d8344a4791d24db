"""What a store must hold after a run, whole: every span once, every row of its own caller, every rule."""

from __future__ import annotations

from collections.abc import Mapping

from rvbbit_otel.storage.audits import load_audits, run_audit
from rvbbit_otel.storage.client import ClickHouseDatabase
from rvbbit_otel.storage.database import Database

ROWS_PER_SESSION = 20


def broken_rules(database: Database) -> dict[str, list[tuple[object, ...]]]:
    """The rows that break a rule, by the rule."""
    findings = [run_audit(database, audit) for audit in load_audits()]
    return {finding.audit.name: finding.rows for finding in findings if not finding.holds}


def counted(database: Database) -> tuple[int, int, int, int]:
    """Rows of unified_logs, session_state, cascade_sessions, otel_traces, as a plain count gives them."""
    tables = ("unified_logs", "session_state", "cascade_sessions", "otel_traces")
    return tuple(int(str(database.query(f"SELECT count() FROM {table}").rows[0][0])) for table in tables)  # type: ignore[return-value]


def stored_callers(database: Database, table: str) -> dict[str, set[str]]:
    """The callers of each session's rows."""
    rows = database.query(f"SELECT session_id, groupUniqArray(caller_id) FROM {table} GROUP BY session_id").rows
    return {str(session): set(callers) for session, callers in rows}  # type: ignore[call-overload]


def stored_ids(database: Database) -> set[tuple[str, str]]:
    """(trace id, span id) of otel_traces."""
    return {(str(trace), str(span)) for trace, span in database.query("SELECT TraceId, SpanId FROM otel_traces").rows}


def assert_whole(url: str, owners: Mapping[str, set[str]], ids: set[tuple[str, str]]) -> None:
    """Exactly these spans, once each, in four tables, each row of its session's own caller, and no rule broken."""
    database = ClickHouseDatabase(url)
    sessions = len(owners)
    assert counted(database) == (sessions * ROWS_PER_SESSION, sessions, sessions, len(ids))
    assert stored_ids(database) == ids
    for table in ("unified_logs", "session_state", "cascade_sessions"):
        assert stored_callers(database, table) == owners
    assert broken_rules(database) == {}
