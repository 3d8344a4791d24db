"""The schema, as numbered files that are applied once and never edited.

Each file holds one statement, which may be run again without harm, so that a migration that was interrupted half way is simply applied again.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from rvbbit_otel.errors import SchemaError
from rvbbit_otel.storage.database import Database
from rvbbit_otel.storage.files import read, sql_files


@dataclass(frozen=True)
class Migration:
    """One step of the schema. `checksum` is of the statement's text."""

    version: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """Sixteen hex characters of SHA-256."""
        return hashlib.sha256(self.sql.encode()).hexdigest()[:16]


def load() -> list[Migration]:
    """Every migration of this package, first to last."""
    migrations = []
    for file in sql_files("migrations"):
        number, _, name = file.name.removesuffix(".sql").partition("_")
        migrations.append(Migration(int(number), name, file.read_text(encoding="utf-8")))
    return migrations


def applied(database: Database) -> dict[int, str]:
    """Version and checksum of what the store has; the store gets its table of migrations if it has none."""
    database.command(read("schema_migrations.sql"))
    result = database.query(read("applied_migrations.sql"))
    return {int(str(version)): str(checksum) for version, checksum in result.rows}


def pending(database: Database) -> list[Migration]:
    """What the store lacks. Raises SchemaError if it is newer than this package, or if a migration that it has was edited since."""
    known, have = load(), applied(database)
    newest = max(have, default=0)
    if newest > known[-1].version:
        raise SchemaError(
            f"the store's schema is at version {newest}, this rvbbit-otel knows up to {known[-1].version}: "
            "upgrade rvbbit-otel; the store was left as it is"
        )
    for migration in known:
        checksum = have.get(migration.version)
        if checksum is not None and checksum != migration.checksum:
            raise SchemaError(
                f"migration {migration.version} ({migration.name}) was edited after it was applied to this store: restore the file and add a new one"
            )
    return [migration for migration in known if migration.version not in have]


def apply(database: Database) -> list[Migration]:
    """Bring the store up to date; returns what was applied, nothing if it was."""
    steps = pending(database)
    for migration in steps:
        database.command(migration.sql)
        database.command(
            read("record_migration.sql"),
            {"version": migration.version, "name": migration.name, "checksum": migration.checksum},
        )
    return steps
