"""Whose is what, by the markers in the text: in the runner's own tables, and in ours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from tests.runners.modes import MARKER

from rvbbit_otel.storage.client import ClickHouseDatabase


@dataclass(frozen=True)
class Row:
    """What one row says of itself. text: whatever it has of what users wrote; the marker is in there, or the row says nothing."""

    session_id: str
    caller_id: str
    text: str


@dataclass(frozen=True)
class Verdict:
    """Of the sessions of one mode: how many the caller is right for, wrong, missing, or several at once; and the rows without a caller."""

    sessions: int
    right: int
    wrong: int
    missing: int
    mixed: int
    rows: int
    rows_without: int

    @property
    def exact(self) -> bool:
        """Whether nothing is wrong, missing or mixed."""
        return self.right == self.sessions and self.rows_without == 0

    def __str__(self) -> str:
        """For a table: right/wrong/missing/mixed of the sessions, and rows without a caller of all rows."""
        return f"{self.right}/{self.wrong}/{self.missing}/{self.mixed}, {self.rows_without} of {self.rows}"


def markers(text: str) -> set[str]:
    """The clients that a text speaks of."""
    return set(MARKER.findall(text))


def judge(rows: Iterable[Row], queries: Mapping[str, str], parents: Mapping[str, str]) -> dict[str, Verdict]:
    """The verdict of each mode.

    queries: the SQL text of each caller. parents: of each session that has one; a session without a marker of its own has its parent's. Raises
    ValueError for a session whose text speaks of nobody, or of two clients: then the comparison would prove nothing.
    """
    by_session: dict[str, list[Row]] = {}
    for row in rows:
        by_session.setdefault(row.session_id, []).append(row)
    own = {session: set().union(*(markers(row.text) for row in found)) for session, found in by_session.items()}
    found: dict[str, Counter[str]] = {}
    for session, session_rows in by_session.items():
        client = _client(session, own, parents)
        count = found.setdefault(client.rpartition("-")[0], Counter())
        callers = {row.caller_id for row in session_rows}
        named = callers - {""}
        if len(named) > 1:
            outcome = "mixed"
        elif not named:
            outcome = "missing"
        else:
            outcome = "right" if markers(queries.get(named.pop(), "")) == {client} else "wrong"
        count.update({"sessions": 1, outcome: 1, "rows": len(session_rows)})
        count["without"] += sum(1 for row in session_rows if not row.caller_id)
    return {
        mode: Verdict(
            count["sessions"],
            count["right"],
            count["wrong"],
            count["missing"],
            count["mixed"],
            count["rows"],
            count["without"],
        )
        for mode, count in found.items()
    }


def _client(session: str, own: Mapping[str, set[str]], parents: Mapping[str, str]) -> str:
    named = own.get(session, set())
    if not named and session in parents:
        return _client(parents[session], own, parents)
    if len(named) != 1:
        raise ValueError(f"session {session} speaks of {sorted(named) or 'nobody'}")
    return next(iter(named))


@dataclass(frozen=True)
class Tables:
    """What a store holds of the sessions: the three tables as rows, the callers' SQL and the sessions' parents.

    logged: the session of each row that the runner logged itself; unified_logs of ours has more, such as its cascades and cells.
    """

    logged: list[str]
    unified_logs: list[Row]
    session_state: list[Row]
    cascade_sessions: list[Row]
    queries: dict[str, str]
    parents: dict[str, str]

    def rows_by_session(self) -> Counter[str]:
        """How often the runner logged something, by session."""
        return Counter(self.logged)

    def texts(self) -> dict[str, str]:
        """What users wrote, by session."""
        found = {row.session_id: "" for row in self.session_state}
        for row in (*self.unified_logs, *self.cascade_sessions):
            found[row.session_id] = found.get(row.session_id, "") + row.text
        return found

    def unmarked(self) -> set[str]:
        """Sessions that say of nobody yet whose they are: the runner keeps what started one a while after its log rows."""
        return {session for session, text in self.texts().items() if not markers(text) and session not in self.parents}

    def verdicts(self, more: Mapping[str, str] | None = None) -> dict[str, dict[str, Verdict]]:
        """By table, then by mode. A state row has no text of its own: its session's log rows tell whose it is.

        more: texts of sessions from elsewhere, for those that the runner has not written down yet: they tell whose a session is, not who it is
        credited to.
        """
        texts = self.texts()
        texts |= {session: texts[session] + text for session, text in (more or {}).items() if session in texts}
        tables = {
            "unified_logs": self.unified_logs,
            "session_state": self.session_state,
            "cascade_sessions": self.cascade_sessions,
        }
        return {
            name: judge(
                [Row(row.session_id, row.caller_id, texts.get(row.session_id, "")) for row in rows],
                self.queries,
                self.parents,
            )
            for name, rows in tables.items()
        }


def runners_own(workspace: Path) -> Tables:
    """The runner's own tables, which it keeps as Parquet files."""

    def read(table: str, columns: str, where: str = "") -> list[dict[str, Any]]:
        files = workspace / "data" / "system" / table / "**" / "*.parquet"
        relation = duckdb.sql(f"SELECT {columns} FROM read_parquet('{files}', union_by_name=true) {where}")
        return [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]

    logs = read(
        "unified_logs_base",
        "session_id, coalesce(caller_id, '') AS caller_id, content_json, invocation_metadata_json, parent_session_id",
    )
    state = read(
        "session_state",
        "session_id, coalesce(caller_id, '') AS caller_id, parent_session_id, updated_at::VARCHAR AS updated_at",
    )
    latest = {row["session_id"]: row for row in sorted(state, key=lambda row: row["updated_at"])}
    cascades = read(
        "cascade_sessions",
        "session_id, coalesce(caller_id, '') AS caller_id, input_data, invocation_metadata_json, parent_session_id",
        "WHERE created_at IS NOT NULL",  # The others are updates of single columns.
    )
    by_session = {row["session_id"]: row for row in cascades}
    # What it notes with a row may be of the row's cascade only; a query that it tracks is in a log of its own.
    queries = {
        row["caller_id"]: row["query_raw"]
        for row in read("sql_query_log", "caller_id, query_raw", "WHERE query_raw IS NOT NULL")
    }
    for row in (*logs, *cascades):
        if row["caller_id"]:
            queries.setdefault(row["caller_id"], row["invocation_metadata_json"] or "")
    return Tables(
        [row["session_id"] for row in logs if row["session_id"]],
        [Row(row["session_id"], row["caller_id"], row["content_json"] or "") for row in logs if row["session_id"]],
        [Row(row["session_id"], row["caller_id"], "") for row in latest.values()],
        [Row(row["session_id"], row["caller_id"], row["input_data"] or "") for row in by_session.values()],
        queries,
        {row["session_id"]: row["parent_session_id"] for row in (*logs, *state, *cascades) if row["parent_session_id"]},
    )


def ours(database: ClickHouseDatabase) -> Tables:
    """Our three tables."""
    logs = database.query("SELECT session_id, caller_id, content FROM unified_logs").rows
    state = database.query("SELECT session_id, caller_id, '' FROM session_state").rows
    cascades = database.query("SELECT session_id, caller_id, input FROM cascade_sessions").rows
    logged = database.query("SELECT session_id FROM unified_logs WHERE kind = 'log' AND role != 'usage'").rows
    return Tables(
        [session for (session,) in logged],
        [Row(*row) for row in logs],
        [Row(*row) for row in state],
        [Row(*row) for row in cascades],
        dict(database.query("SELECT caller_id, metadata FROM callers").rows),
        dict(
            database.query("SELECT session_id, parent_session_id FROM session_state WHERE parent_session_id != ''").rows
        ),
    )
