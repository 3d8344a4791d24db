"""How many checks each client's program makes, by the name that docs/reference/clients.md gives it."""

from __future__ import annotations

from typing import Final

COUNTS: Final = {
    "ClickHouse JDBC": 87,
    "clickhouse-connect": 118,
    "@clickhouse/client": 29,
    "clickhouse-go": 24,
    "Grafana's data source": 13,
    "clickhouse 0.15.3 (Rust)": 22,
    "SQLAlchemy": 19,
    "ibis": 23,
    "mcp-clickhouse": 5,
}
