"""Every table and column that a user can read is in the reference, under its table."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import Store

REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "columns.md"
# What feeds the views; the reference names them and says that they are not for reading.
INNER = {
    "session_facts",
    "caller_facts",
    "schema_migrations",
    "spans_stated",
    "spans_sought",
    "spans_in",
    "spans_owned",
    "spans_telling",
    "spans_told",
    "calls_told",
    "span_parents",
    "stragglers_found",
    "log_records_in",
    "stragglers",
}


def test_every_column_is_in_the_reference_of_its_table_and_no_other_is(store: Store) -> None:
    documented: dict[str, set[str]] = {}
    for section in REFERENCE.read_text().split("\n## ")[1:]:
        heading, *lines = section.splitlines()
        cells = [line.split("|")[1] for line in lines if line.startswith("| `")]
        names = {part.strip().strip("`") for cell in cells for part in cell.split(",")}
        for table in heading.split(", "):
            documented[table] = names
    stored: dict[str, set[str]] = {}
    for table, column in store.rows(
        f"SELECT table, name FROM system.columns WHERE database = '{store.name}' AND NOT endsWith(table, '_mv') AND NOT endsWith(table, '_in')"
    ):
        stored.setdefault(str(table), set()).add(str(column))
    traces = stored["otel_traces"] | stored["otel_traces_trace_id_ts"]
    stored["otel_traces"] = stored["otel_traces_trace_id_ts"] = traces
    assert documented == {table: columns for table, columns in stored.items() if table not in INNER}
