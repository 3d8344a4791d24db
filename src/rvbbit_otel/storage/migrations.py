"""The schema as numbered files: which are applied, which are pending, and applying those."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache

from rvbbit_otel.errors import SchemaError
from rvbbit_otel.storage import landing
from rvbbit_otel.storage.cluster import Cluster
from rvbbit_otel.storage.database import Database
from rvbbit_otel.storage.files import read, sql_files, text_of
from rvbbit_otel.storage.migration import Migration

_FILE_NAME = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")


@cache
def packaged() -> tuple[Migration, ...]:
    """All migrations of this package, by version; raises SchemaError where two have one number."""
    found = []
    for entry in sql_files("migrations", suffix=""):
        match = _FILE_NAME.fullmatch(entry.name)
        if match is None:
            raise SchemaError(f"sql/migrations has {entry.name!r}; a migration is named 0001_what_it_makes.sql")
        found.append(Migration(int(match[1]), match[2], text_of(entry)))
    found.sort(key=lambda migration: migration.version)
    if len({migration.version for migration in found}) != len(found):
        raise SchemaError("two files of sql/migrations have one number; reinstall the package")
    return tuple(found)


def applied(database: Database) -> list[int]:
    """The versions that the store has, without changing it; raises SchemaError as `pending` does."""
    return sorted(_book(database, packaged()))


def pending(database: Database, migrations: Sequence[Migration] | None = None) -> list[Migration]:
    """The migrations that the store lacks, by version, without changing it.

    Raises SchemaError where the store has a migration that this package has not, or had it with another text.
    """
    known = packaged() if migrations is None else migrations
    done = _book(database, known)
    return [migration for migration in known if migration.version not in done]


def apply(
    database: Database, migrations: Sequence[Migration] | None = None, cluster: Cluster | None = None
) -> list[Migration]:
    """Apply what is pending and return it; run again, or after it was cut off half way, it does what is left.

    On a cluster `database` is its front database. Raises SchemaError as `pending` does, or where the schema there is of the other kind, before
    anything is changed.
    """
    missing = pending(database, migrations)
    _check_kind(database, cluster)
    if cluster:
        _apply_to_cluster(database, missing, cluster)
        return missing
    if missing:
        database.command(read("schema_migrations.sql"))
    for migration in missing:
        # The statement first, the entry second: cut off between them, the statement runs once more, and each is made to bear that.
        database.command(migration.sql)
        _record(database, migration)
    # Last, and also where nothing is missing: it may have been cut off here.
    for statement in landing.opening(landing.closed(database)):
        database.command(statement)
    return missing


def _apply_to_cluster(database: Database, missing: Sequence[Migration], cluster: Cluster) -> None:
    if missing:
        cluster.prepare()
        cluster.run_shards(missing)
    for migration in missing:
        cluster.run_front(migration)
        _record(database, migration)
    if missing or landing.closed(database):
        cluster.open_front()


def _record(database: Database, migration: Migration) -> None:
    values = {"version": migration.version, "name": migration.name, "checksum": migration.checksum}
    database.command(read("record_migration.sql"), values)


def _check_kind(database: Database, cluster: Cluster | None) -> None:
    engines = [str(engine) for (engine,) in database.query(read("book.sql")).rows]
    if cluster and engines == ["ReplacingMergeTree"]:
        raise SchemaError(
            "this database has the schema of a single server: migrate a fresh database with --cluster, and move the rows there"
        )
    if not cluster and engines == ["ReplicatedReplacingMergeTree"]:
        raise SchemaError("this database has the schema of a cluster: name it with --cluster")


def _book(database: Database, known: Iterable[Migration]) -> set[int]:
    if database.query(read("has_schema_migrations.sql")).rows[0][0] == 0:
        return set()
    ours = {migration.version: migration for migration in known}
    done = set()
    for version, name, checksum in database.query(read("applied_migrations.sql")).rows:
        number = int(str(version))
        if number not in ours:
            raise SchemaError(
                f"the store has migration {number:04d}_{name}, which this package does not know: its schema is newer."
                " Upgrade rvbbit-otel, or use a store made by this version"
            )
        if ours[number].checksum != checksum:
            raise SchemaError(
                f"migration {number:04d}_{name} was applied with another text than this package has."
                " Install the version of rvbbit-otel that applied it, or start with an empty database"
            )
        done.add(number)
    return done
