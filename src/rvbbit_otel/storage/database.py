"""The protocol of a store for migrations, audits and repair: run a statement, read rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Result:
    """Rows as the store gave them; each row has one value for each of `columns`, in that order."""

    columns: tuple[str, ...]
    rows: list[tuple[object, ...]]

    def dicts(self) -> list[dict[str, object]]:
        """Each row by column name."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


class Database(Protocol):
    """One connection to one database; names in SQL are unqualified.

    Parameters are bound (``{name:Type}`` in the SQL), never put into its text. Both methods raise StoreUnavailableError
    where trying again may help and StoreError where it will not.
    """

    def command(self, sql: str, parameters: Mapping[str, object] | None = None) -> None:
        """Run a statement that answers nothing."""

    def query(self, sql: str, parameters: Mapping[str, object] | None = None) -> Result:
        """Run a statement and read all it answers."""
