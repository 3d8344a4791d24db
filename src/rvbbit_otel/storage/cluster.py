"""The schema on a cluster: what each migration becomes there.

The same files, in two databases on every node. The *shard* database (``rvbbit_shard`` beside ``rvbbit``) holds what a single server would: landing,
views and tables, with Replicated engines, so every guard looks at its own shard. The *front* database holds the names that users and collectors use:
Distributed tables over the shards, from ``sql/cluster/``, a file beside each migration that needs one; and the plain views, as they are.
A span goes to the shard of its session, or of its trace: the same one each time that it is sent, so the guard there knows it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from rvbbit_otel.errors import ConfigurationError
from rvbbit_otel.storage import landing
from rvbbit_otel.storage.database import Database
from rvbbit_otel.storage.files import read, sql_files, text_of
from rvbbit_otel.storage.migration import Migration, head

# A cluster's name as ClickHouse's configuration has it.
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_ENGINE: Final = re.compile(r"^ENGINE = (?P<kind>Replacing|Aggregating|)MergeTree$", re.M)
# A change of columns is one of the Distributed table in front too; of keys, lifetimes, settings and queries it is not.
_COLUMNS: Final = re.compile(r"\b(?:ADD|DROP|RENAME|MODIFY|COMMENT) COLUMN\b")
# Raw OTLP is one row a request and has to be taken apart before it can be dealt out: these stand in front.
_IN_FRONT: Final = frozenset({"otlp_traces_in", "otlp_traces_in_mv", "otlp_logs_in", "otlp_logs_in_mv"})
# The landing tables of the shards, and those in front.
LANDING: Final = ("otel_traces_in", "otel_logs_in")
LANDING_IN_FRONT: Final = ("otlp_traces_in", "otlp_logs_in")


@dataclass(frozen=True)
class Steps:
    """The statements that one migration becomes on a cluster: those of the shard database, then those of the front
    database.
    """

    shard: tuple[str, ...]
    front: tuple[str, ...]


@dataclass(frozen=True)
class Cluster:
    """A cluster of ClickHouse's configuration, and our two databases on it."""

    name: str
    front: Database
    shard: Database
    front_name: str
    shard_name: str

    def __post_init__(self) -> None:
        """Check the names, since they go into statements where nothing can be bound; raises ConfigurationError."""
        for what, name in (("cluster", self.name), ("database", self.front_name), ("database", self.shard_name)):
            if not _NAME.fullmatch(name):
                raise ConfigurationError(f"the {what}'s name {name!r} is not letters, digits, _ and - (64 at most)")

    def prepare(self) -> None:
        """Make both databases on every node, and the book of migrations; safe to run again."""
        for file in ("cluster/databases.sql", "cluster/front_database.sql", "cluster/schema_migrations.sql"):
            self.front.command(self.fill(read(file)))

    def steps(self, migration: Migration) -> Steps:
        """The statements for one migration; raises SchemaError for one of a kind that has no place on a cluster yet."""
        found = head(migration.sql)
        what, name = found.group("what"), found.group("name")
        sql = on_cluster(migration.sql, self.name)
        if name in _IN_FRONT:
            return Steps((), (sql,))
        fronts = {file.name[5:-4]: file for file in sql_files("cluster") if file.name[0].isdigit()}
        front: tuple[str, ...] = ()
        if "VIEW" in what and "MATERIALIZED" not in what and not name.endswith("_mv"):
            front = (sql,)
        elif name in fronts and what.startswith("CREATE TABLE"):
            front = (self.fill(text_of(fronts[name])),)
        elif name in fronts and (what.startswith("DROP") or _COLUMNS.search(sql)):
            front = (sql,)
        return Steps((self.replicated(sql, name),), front)

    def run_shards(self, migrations: Iterable[Migration]) -> None:
        """What these migrations are on the shards, and open the landing tables there; each statement is safe to run again."""
        for migration in migrations:
            for statement in self.steps(migration).shard:
                self.shard.command(statement)
        for statement in landing.opening(LANDING):
            self.shard.command(self.everywhere(statement))

    def run_front(self, migration: Migration) -> None:
        """What one migration is in front. Only after the shards have all of it: what comes in by a front goes to a shard at once."""
        for statement in self.steps(migration).front:
            self.front.command(statement)

    def open_front(self) -> None:
        """Open the landing tables of raw OTLP: the last step of all."""
        for statement in landing.opening(LANDING_IN_FRONT):
            self.front.command(self.everywhere(statement))

    def everywhere(self, sql: str) -> str:
        """The statement, run on every node."""
        return on_cluster(sql, self.name)

    def replicated(self, sql: str, table: str) -> str:
        """The statement with a Replicated engine, if it makes a table that keeps rows.

        The path names shard, database and table, so that a node that makes the table later is a replica of those that have it. By the server's
        default it would have the table's own UUID, and a table that was made apart would be alone, empty, and silent about it.
        """
        path = f"('/clickhouse/tables/{{shard}}/{self.shard_name}/{table}', '{{replica}}')"
        return _ENGINE.sub(rf"ENGINE = Replicated\g<kind>MergeTree{path}", sql)

    def fill(self, text: str) -> str:
        """A file of sql/cluster with its marks filled in."""
        text = text.replace("`{cluster}`", f"`{self.name}`").replace("`{shard}`", f"`{self.shard_name}`")
        return text.replace("`{front}`", f"`{self.front_name}`").replace("/{front}/", f"/{self.front_name}/")


def on_cluster(sql: str, cluster: str) -> str:
    """The statement, run on every node."""
    end = head(sql).end()
    return f"{sql[:end]} ON CLUSTER `{cluster}`{sql[end:]}"
