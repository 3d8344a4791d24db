"""Landing tables are made closed, and opened once everything behind them is there.

A landing table keeps nothing: what is inserted goes through its views, or nowhere. The table has to be made before the views that read it, so between
the two an insert would be acknowledged and lost. A column that refuses every row stands in the table until the schema is whole.
"""

from __future__ import annotations

from collections.abc import Iterable

from rvbbit_otel.storage.database import Database
from rvbbit_otel.storage.files import read


def closed(database: Database) -> list[str]:
    """The landing tables of this database that refuse every insert, by name."""
    return [str(table) for (table,) in database.query(read("landing/which_are_closed.sql")).rows]


def opening(tables: Iterable[str]) -> list[str]:
    """The statements that open these tables; each is safe to run again."""
    return [read(f"landing/open_{table}.sql").strip() for table in tables]
