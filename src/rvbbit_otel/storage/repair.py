"""Rows that came without a caller get that of the run that they belong to, where it is known. Never by guess.

A process in another language, or one that lost the baggage, names a session and no caller. Where the store knows the run, the view `spans_found_mv`
mends that at insert; a span that came before what tells it is mended here. A session id that came again is another run: the view `stragglers` says
which it was, or nothing. Source ``repair`` is written onto a row. A row that names a caller is never touched, nor one that its program gave up as
nobody's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from rvbbit_otel.storage.cluster import Cluster, on_cluster
from rvbbit_otel.storage.database import Database
from rvbbit_otel.storage.files import read, sql_files, text_of

# The statements that change rows; the embedded store takes these from outside, word for word, and no other.
STATEMENTS: Final = tuple(text_of(file).strip() for file in sql_files("repair"))


@dataclass(frozen=True)
class Repaired:
    """Rows of unified_logs that got their caller, and those that nobody claims still."""

    rows: int
    left: int


def repair(database: Database, cluster: Cluster | None = None) -> Repaired:
    """Give stragglers their caller; running it again changes nothing. On a cluster each shard mends its own. Raises StoreError."""
    before = _without_caller(database)
    # First what is found, in one moment, since rows come in meanwhile; then each table on its own: a repair that was cut off after the first one left
    # rows in the others only.
    for statement in STATEMENTS:
        if cluster:
            cluster.shard.command(on_cluster(statement, cluster.name))
        else:
            database.command(statement)
    left = _without_caller(database)
    return Repaired(before - left, left)


def _without_caller(database: Database) -> int:
    return int(str(database.query(read("rows_without_caller.sql")).rows[0][0]))
