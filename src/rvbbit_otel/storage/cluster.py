"""The schema on a cluster: what each migration becomes there.

The same files, in two databases on every node. The *shard* database (``rvbbit_shard`` beside ``rvbbit``) holds what a single server would: landing,
views and tables, with Replicated engines, so every guard looks at its own shard. The *front* database holds the names that users and collectors use:
Distributed tables over the shards, from ``sql/cluster/``, a file beside each migration that needs one; and the plain views, as they are.
A span goes to the shard of its session, or of its trace: the same one each time that it is sent, so the guard there knows it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rvbbit_otel.errors import ConfigurationError, SchemaError
from rvbbit_otel.storage.database import Database
from rvbbit_otel.storage.files import read, sql_files, text_of

if TYPE_CHECKING:
    from rvbbit_otel.storage.migrations import Migration

# A cluster's name as ClickHouse's configuration has it.
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_HEAD: Final = re.compile(
    r"^(?P<what>CREATE (?:TABLE|VIEW|MATERIALIZED VIEW) IF NOT EXISTS|CREATE OR REPLACE TABLE|ALTER TABLE|DROP (?:TABLE|VIEW) IF EXISTS)"
    r" (?P<name>\w+)",
    re.M,
)
_ENGINE: Final = re.compile(r"^ENGINE = (?P<kind>Replacing|Aggregating|)MergeTree$", re.M)
# Raw OTLP is one row a request and has to be taken apart before it can be dealt out: these stand in front.
_IN_FRONT: Final = frozenset({"otlp_traces_in", "otlp_traces_in_mv", "otlp_logs_in", "otlp_logs_in_mv"})


@dataclass(frozen=True)
class Steps:
    """What one migration becomes on a cluster: statements of the shard database, then of the front database."""

    shard: tuple[str, ...]
    front: tuple[str, ...]


@dataclass(frozen=True)
class Cluster:
    """A cluster of ClickHouse's configuration, and our two databases on it."""

    name: str
    front: Database
    shard: Database
    shard_name: str

    def __post_init__(self) -> None:
        """Check the names, since they go into statements where nothing can be bound; raises ConfigurationError."""
        for what, name in (("cluster", self.name), ("database", self.shard_name)):
            if not _NAME.fullmatch(name):
                raise ConfigurationError(f"the {what}'s name {name!r} is not letters, digits, _ and - (64 at most)")

    def prepare(self) -> None:
        """Make the shard database and the book of migrations; safe to run again."""
        self.front.command(self.fill(read("cluster/databases.sql")))
        self.front.command(self.fill(read("cluster/schema_migrations.sql")))

    def steps(self, migration: Migration) -> Steps:
        """The statements for one migration; raises SchemaError for one of a kind that has no place on a cluster yet."""
        sql = on_cluster(migration.sql, self.name)
        name = head(migration.sql).group("name")
        if name in _IN_FRONT:
            return Steps((), (sql,))
        front = tuple(
            self.fill(text_of(file))
            for file in sql_files("cluster")
            if file.name == f"{migration.version:04d}_{migration.name}.sql"
        )
        if head(migration.sql).group("what").startswith("CREATE VIEW"):
            front = (sql, *front)
        return Steps((replicated(sql),), front)

    def run(self, migration: Migration) -> None:
        """Run the statements for one migration; each is safe to run again."""
        steps = self.steps(migration)
        for statement in steps.shard:
            self.shard.command(statement)
        for statement in steps.front:
            self.front.command(statement)

    def fill(self, text: str) -> str:
        """A file of sql/cluster with its two marks filled in."""
        return text.replace("`{cluster}`", f"`{self.name}`").replace("`{shard}`", f"`{self.shard_name}`")


def head(sql: str) -> re.Match[str]:
    """What a statement makes or changes, and its name; raises SchemaError where it can't be told."""
    found = list(_HEAD.finditer(sql))
    if len(found) != 1:
        start = next((line for line in sql.splitlines() if line and not line.startswith("--")), "nothing")
        raise SchemaError(
            f"a cluster can't take the statement that begins with {start[:80]!r}: storage/cluster.py knows CREATE TABLE, VIEW and"
            " MATERIALIZED VIEW IF NOT EXISTS, CREATE OR REPLACE TABLE, ALTER TABLE, and DROP TABLE or VIEW IF EXISTS, one a file"
        )
    return found[0]


def on_cluster(sql: str, cluster: str) -> str:
    """The statement, run on every node."""
    end = head(sql).end()
    return f"{sql[:end]} ON CLUSTER `{cluster}`{sql[end:]}"


def replicated(sql: str) -> str:
    """The statement with a Replicated engine, if it makes a table that keeps rows. Path and replica are the server's defaults."""
    return _ENGINE.sub(r"ENGINE = Replicated\g<kind>MergeTree", sql)
