"""Writes what is in the quarantine into a table, where questions and audits find it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from rvbbit_otel.all_in_one.ingest.quarantine import Kept
from rvbbit_otel.counters import Counters
from rvbbit_otel.storage.database import Database
from rvbbit_otel.storage.files import read
from rvbbit_otel.storage.quarantine import COLUMNS

# Rows of the table at most: who has more has one reason for all.
_MOST = 1000


class QuarantineTable:
    """To be called with what there is, at each change."""

    def __init__(self, database: Database, counters: Counters, tell: Callable[[str], None]) -> None:
        """`tell` says it to the log, once for each request."""
        self._database = database
        self._counters = counters
        self._tell = tell
        self._told: set[str] = set()
        self._filled = True

    def __call__(self, kept: Sequence[Kept]) -> None:
        """Write it. Where the store can't take that either, it is counted, and written at the next change."""
        for each in kept:
            if each.name not in self._told:
                self._told.add(each.name)
                self._tell(
                    f"NOT STORED: {each.name}, {each.size} bytes of {each.signal} that were acknowledged ({each.reason}, {each.error}): "
                    "see `rvbbit-otel quarantine list`"
                )
        rows = (json.dumps([getattr(each, name) for name in COLUMNS]) for each in kept[:_MOST])
        try:
            if self._filled:
                self._database.command(read("quarantine/empty.sql"))
            self._filled = bool(kept)
            if kept:
                self._database.command(read("quarantine/fill.sql"), {"rows": "\n".join(rows)})
        except Exception as error:  # noqa: BLE001 - the files are what counts
            self._filled = True
            self._counters.error("quarantine.table", error)
