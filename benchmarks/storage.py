"""Bytes a row by column, content off, after merging, beside the same spans in the collector's stock table.

The whole is all that we keep for a year: `unified_logs`, `session_facts`, `caller_facts`, with their indexes and marks. It stands beside the stock
`otel_traces` alone, without the helper table that the exporter makes besides. Our `otel_traces` is the stock table once more, with two columns added
and for 30 days; whoever keeps both pays both, which is the row "everything".
"""

from __future__ import annotations

from benchmarks.harness import Row, Size, row, shown
from benchmarks.store import OURS, STOCK, Filled, filled, statement

ROWS = {"smoke": 20_000, "short": 1_000_000, "full": 5_000_000}


def run(rounds: int, size: Size) -> list[Row]:
    """Sizes do not differ from round to round, so there is one."""
    with filled(ROWS[size]) as store:
        store.fill_stock()
        store.merge(*OURS, "otel_traces", STOCK)
        ours = sum(_bytes(store, table) for table in OURS)
        raw, stock = _bytes(store, "otel_traces"), _bytes(store, STOCK)
        columns = dict(_columns(store, "unified_logs"))
        rows = [
            row("rows, sessions and callers, whole", "bytes a row", [ours], [45.0], 1.0),
            row("caller_id", "bytes a row", [columns["caller_id"]], [0.5], 1.0),
            row("rows, sessions and callers, beside the stock table", "bytes a row", [ours], [stock], 0.6),
            row("otel_traces, beside the stock table", "bytes a row", [raw], [stock]),
            row("everything, the raw spans of 30 days too", "bytes a row", [ours + raw], [stock]),
        ]
        for table in (*OURS, "otel_traces", STOCK):
            rows.append(shown(f"{table}, on disk", "bytes a row", _bytes(store, table)))
            rows += [
                shown(f"{table}.{name or '(indexes)'}", "bytes a row", held)
                for name, held in _columns(store, table)
                if held >= 0.01 or name == "caller_id"
            ]
        return rows


def _bytes(store: Filled, table: str) -> float:
    ((held, _),) = store.engine.query(statement("bytes_of_table"), {"table": table}).rows
    return int(str(held)) / store.rows


def _columns(store: Filled, table: str) -> list[tuple[str, float]]:
    found = store.engine.query(statement("bytes_by_column"), {"table": table}).rows
    return [(str(name), int(str(held)) / store.rows) for name, held in found]
