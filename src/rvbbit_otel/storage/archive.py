"""One caller as a file that opens without this package: an SQLite database of its rows, its spans, and what the rules said.

Tables: `about` (what the file is, by whom and when), the four tables of the store with the columns they have there,
`spans` (one JSON object a span, in the columns of `otel_traces_in`, by which another store takes them), and `audits`
(each rule with its verdict at that time).
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from rvbbit_otel.errors import ConfigurationError
from rvbbit_otel.storage.audits import load_audits, run_audit
from rvbbit_otel.storage.client import ClickHouseDatabase
from rvbbit_otel.storage.files import read

FORMAT: Final = "rvbbit-otel caller 1"
TABLES: Final = ("unified_logs", "session_state", "cascade_sessions", "callers")
LANDING: Final = "otel_traces_in"
# Spans of one insert.
_BATCH: Final = 5_000
Progress = Callable[[str, int], None]


def export_caller(
    database: ClickHouseDatabase, caller: str, file: Path, version: str, progress: Progress
) -> dict[str, int]:
    """Write one caller's file; `progress` gets the name of each table and its rows. Returns the rows of each table.

    Raises ConfigurationError if there is no row of this caller, or the file is there already or can't be written.
    """
    if file.exists():
        raise ConfigurationError(f"{file} is there already: name another, or remove it")
    draft = file.with_name(f"{file.name}.part")
    draft.unlink(missing_ok=True)
    try:
        with contextlib.closing(sqlite3.connect(draft)) as archive:
            counts = _fill(archive, database, caller, version, progress)
        draft.replace(file)
    except (OSError, sqlite3.Error) as error:
        raise ConfigurationError(f"{file} can't be written: {error}") from error
    finally:
        draft.unlink(missing_ok=True)
    return counts


def _fill(
    archive: sqlite3.Connection, database: ClickHouseDatabase, caller: str, version: str, progress: Progress
) -> dict[str, int]:
    counts = {}
    for table in TABLES:
        result = database.query(read(f"archive/{table}.sql"), {"caller": caller})
        if table == TABLES[0] and not result.rows:
            raise ConfigurationError(
                f"there is no row of caller {caller}; `rvbbit-otel report` lists the callers that there are"
            )
        columns = result.columns or _columns(database, table)
        _keep(archive, table, columns, result.rows)
        counts[table] = len(result.rows)
        progress(table, len(result.rows))
    spans = database.query_lines(read("archive/spans.sql"), {"caller": caller})
    _keep(archive, "spans", ("json",), [(line,) for line in spans])
    counts["spans"] = len(spans)
    progress("spans", len(spans))
    findings = [run_audit(database, audit) for audit in load_audits() if audit.is_rule]
    verdicts = [(each.audit.name, each.audit.title, each.holds, each.audit.sql) for each in findings]
    _keep(archive, "audits", ("name", "title", "holds", "sql"), verdicts)
    counts["audits"] = len(verdicts)
    made = datetime.now(timezone.utc).isoformat(timespec="seconds")
    about = {
        "format": FORMAT,
        "caller_id": caller,
        "made_at": made,
        "made_by": f"rvbbit-otel {version}",
        "times": "UTC, ISO 8601",
    }
    _keep(archive, "about", ("name", "value"), list(about.items()))
    archive.commit()
    return counts


def _columns(database: ClickHouseDatabase, table: str) -> list[str]:
    return [str(name) for (name,) in database.query(read("archive/columns.sql"), {"table": table}).rows]


def import_caller(database: ClickHouseDatabase, file: Path, progress: Progress) -> tuple[str, int]:
    """Send the spans of a caller's file to a store, which keeps each once; return the caller and how many were sent.

    Raises ConfigurationError for a file that is none of ours.
    """
    with _opened(file) as archive:
        try:
            about = dict(archive.execute("SELECT name, value FROM about"))
            if about.get("format") != FORMAT:
                raise ConfigurationError(
                    f"{file} has the format {about.get('format')!r}; this version reads {FORMAT!r}"
                )
            sent = 0
            cursor = archive.execute("SELECT json FROM spans")
            while batch := cursor.fetchmany(_BATCH):
                lines = [_checked(file, line) for (line,) in batch]
                database.insert_lines(LANDING, lines)
                sent += len(lines)
                progress("spans", sent)
        except sqlite3.Error as error:
            raise ConfigurationError(f"{file} is no file of `rvbbit-otel export`: {error}") from error
    return str(about["caller_id"]), sent


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[sqlite3.Connection]:
    if not file.is_file():
        raise ConfigurationError(f"{file} is not there")
    with contextlib.closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as archive:
        yield archive


def _checked(file: Path, line: object) -> str:
    """A span as one line of JSON: what is no object, or more than one line, must not become another row."""
    try:
        span = json.loads(str(line))
    except ValueError:
        span = None
    if not isinstance(span, dict) or "SpanId" not in span:
        raise ConfigurationError(f"{file}: a row of the table spans is no span")
    return json.dumps(span)


# SQLite's integers have a sign.
_WHOLE: Final = 1 << 63


def _keep(archive: sqlite3.Connection, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    # Names are those of our own tables; a value is always bound.
    numbers = {name for name, value in zip(columns, rows[0], strict=True) if isinstance(value, Decimal)} if rows else ()
    # Dollars are compared as numbers.
    named = ", ".join(f'"{name}" NUMERIC' if name in numbers else f'"{name}"' for name in columns)
    archive.execute(f'CREATE TABLE "{table}" ({named})')
    marks = ", ".join("?" * len(columns))
    archive.executemany(f'INSERT INTO "{table}" VALUES ({marks})', ([_plain(value) for value in row] for row in rows))


def _plain(value: object) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, int) and not -_WHOLE <= value < _WHOLE:
        return str(value)  # A hash of 64 bits.
    return value if isinstance(value, str | int | float | None) else str(value)
