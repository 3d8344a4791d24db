"""Requests that were acknowledged and that the tables do not take, as the store lists them; and the statements that
tell the all-in-one what to do with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rvbbit_otel.storage.database import Database
from rvbbit_otel.storage.files import read

# The embedded store takes these from outside, word for word; their parameter `names` is a list with commas.
RETRY: Final = read("quarantine/retry.sql").strip()
DROP: Final = read("quarantine/drop.sql").strip()
COLUMNS: Final = ("name", "signal", "size", "reason", "error", "since")


def quarantined(database: Database) -> list[dict[str, object]]:
    """All such requests, oldest first, by the names of COLUMNS. Raises StoreError."""
    return [dict(zip(COLUMNS, row, strict=True)) for row in database.query(read("quarantine/list.sql")).rows]


def retry(database: Database, names: Sequence[str]) -> None:
    """Have requests tried again, soon. Raises StoreError."""
    database.command(RETRY, {"names": ",".join(names)})


def drop(database: Database, names: Sequence[str]) -> None:
    """Have requests removed for good. Raises StoreError."""
    database.command(DROP, {"names": ",".join(names)})
