"""Everything of a caller or a session leaves the store, and stays out when it is sent again.

What was erased is known by a hash of its id in the table `erased` and by nothing else: what comes in is compared with it, and the statements that
remove rows go by it too, so an erasure that was cut off goes on where it is run again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from rvbbit_otel.errors import ConfigurationError
from rvbbit_otel.storage.cluster import Cluster, on_cluster
from rvbbit_otel.storage.database import Database
from rvbbit_otel.storage.files import read, sql_files, text_of

# What the embedded store takes from outside, word for word. The last one is for what it holds in files.
TOMBSTONES: Final = read("erase/tombstones.sql").strip()
STATEMENTS: Final = tuple(text_of(file).strip() for file in sql_files("erase") if file.name[:4].isdigit())
OF_FILES: Final = STATEMENTS[-1]
# Hashes in one statement.
_AT_ONCE: Final = 1000


@dataclass(frozen=True)
class Subject:
    """The caller or session to erase, by its id."""

    kind: Literal["caller", "session"]
    id: str


@dataclass(frozen=True)
class Erasure:
    """Rows of each table that an erasure removes, or takes a name out of. `subjects` are whose they are."""

    subjects: tuple[Subject, ...]
    rows: tuple[tuple[str, str, int], ...]


def callers_with(database: Database, key: str, value: str) -> list[Subject]:
    """The callers whose metadata says so; raises ConfigurationError if none does."""
    rows = database.query(read("erase/callers_by_metadata.sql"), {"key": key, "value": value}).rows
    if not rows:
        raise ConfigurationError(
            f"no caller has {key} = {value!r} in its metadata, as far as it left its program: see `SELECT caller_id, metadata FROM callers`"
        )
    return [Subject("caller", str(caller)) for (caller,) in rows]


def look(database: Database, subjects: Sequence[Subject]) -> Erasure:
    """Return what erasing these would change; changes nothing."""
    whole = _with_sessions(database, subjects)
    counts: dict[tuple[str, str], int] = {}
    for part in _parts(_hashes(database, whole)):
        for table, done, rows in database.query(read("erase/count.sql"), {"hashes": part}).rows:
            counts[str(table), str(done)] = counts.get((str(table), str(done)), 0) + int(str(rows))
    return Erasure(
        tuple(whole), tuple((table, done, rows) for (table, done), rows in sorted(counts.items(), key=_order))
    )


def erase(database: Database, subjects: Sequence[Subject], cluster: Cluster | None = None) -> Erasure:
    """Erase them, and give what was there. Raises StoreError; run again, it does what is left."""
    found = look(database, subjects)
    for part in _parts(_hashes(database, found.subjects)):
        for place in _shards(cluster):
            database.command(TOMBSTONES + place, {"hashes": part})
    for statement in STATEMENTS:
        if cluster:
            cluster.shard.command(on_cluster(statement, cluster.name))
        else:
            database.command(statement)
    return found


def _order(count: tuple[tuple[str, str], int]) -> tuple[str, str]:
    (table, done), _ = count
    return done, table


def _with_sessions(database: Database, subjects: Sequence[Subject]) -> list[Subject]:
    """And the sessions that are of one of these callers alone, since rows in them that nobody claims are of it."""
    found = list(dict.fromkeys(subjects))
    for part in _parts(_hashes(database, [each for each in found if each.kind == "caller"])):
        rows = database.query(read("erase/sessions_of_callers.sql"), {"hashes": part}).rows
        found += [Subject("session", str(session)) for (session,) in rows]
    return list(dict.fromkeys(found))


def _hashes(database: Database, subjects: Sequence[Subject]) -> list[int]:
    asked = read("erase/hashes.sql")
    return [int(str(database.query(asked, {"kind": each.kind, "id": each.id}).rows[0][0])) for each in subjects]


def _parts(hashes: Sequence[int]) -> Iterator[list[int]]:
    for start in range(0, len(hashes), _AT_ONCE):
        yield list(hashes[start : start + _AT_ONCE])


def _shards(cluster: Cluster | None) -> Iterator[str]:
    """Yield a SETTINGS clause for each shard, so that a statement by the Distributed table reaches each in turn; an
    empty one on a single server.
    """
    if cluster is None:
        yield ""
        return
    shards = cluster.front.query(read("erase/shards.sql"), {"cluster": cluster.name}).rows
    for (number,) in shards:
        yield f" SETTINGS insert_shard_id = {int(str(number))}"
