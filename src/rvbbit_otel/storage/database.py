"""What the rest of this package needs of a store, whichever one it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Result:
    """The answer to a question: column names, and rows of as many values each."""

    columns: tuple[str, ...]
    rows: list[tuple[object, ...]]


class Database(Protocol):
    """A store: ClickHouse by its client, or the embedded engine in process. Both raise StoreError, with the engine's own words."""

    def command(self, sql: str, parameters: Mapping[str, object] | None = None) -> None:
        """Run one statement that gives no rows; parameters stand in it as ``{name:Type}``."""

    def query(self, sql: str, parameters: Mapping[str, object] | None = None) -> Result:
        """Ask one question."""
