"""Deal all rows out again over another number of shards, beside inserts for as long as it may be, and prove it before anything is given up.

The rows of each table are copied, by the keys of the tables in front, into a database of their own (``rvbbit_reshard``) on the nodes of the new
cluster. Then the landing tables are closed, what came meanwhile is copied once more, and both sides are compared, a partition at a time. Then
questions read the copies, the partitions of the copies take the place of the old ones, and questions read these: never both. It may be cut off
anywhere: run again, it goes on with what is left (ADR 58).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from rvbbit_otel.errors import ConfigurationError, StoreError
from rvbbit_otel.storage import landing, nodes
from rvbbit_otel.storage.cluster import LANDING, Cluster
from rvbbit_otel.storage.database import Database
from rvbbit_otel.storage.files import read, sql_files, text_of

# What each shard looks into by itself, by keys that are not the session's: every shard gets all of it.
TO_EACH: Final = frozenset({"calls_told", "span_parents", "model_prices", "erased"})
# What a database's name adds to that of the front database: the copies, and the tables through which they are written and read.
COPIES: Final = "_reshard"
DEALT: Final = "_dealt"
_PARTITION: Final = re.compile(r"[0-9A-Za-z_-]{1,64}")
# How long inserts that began before the landing tables were closed are waited for.
_PATIENCE: Final = 120.0

Say = Callable[[str], None]


@dataclass(frozen=True)
class Reshard:
    """From the cluster that the fronts read now to another one, of which the nodes have our tables already (`migrate`).

    `dealt`: a connection to the database through which the copies are written and read.
    """

    old: Cluster
    new: Cluster
    dealt: Database
    say: Say = lambda _: None
    pause: Callable[[float], None] = time.sleep

    @property
    def copies(self) -> str:
        """The database of the copies."""
        return self.new.front_name + COPIES

    @property
    def dealt_name(self) -> str:
        """The database that `dealt` is connected to."""
        return self.new.front_name + DEALT

    def run(self) -> dict[str, int]:
        """Do it all; return how many things each table has, each once. Raises StoreError where the copies are not what the rows are."""
        if not self._reads_copies():
            self._copy_and_prove()
            self._front_reads(self.copies)
            self.say("questions read the copies")
        self._take_their_place()
        proven = self._compare("the tables of the new shards")
        self._front_reads(self.new.shard_name)
        self._open()
        self.say(f"questions and inserts go to {self.new.name}")
        for name in (self.copies, self.dealt_name):
            self._new("drop_database", database=name)
        return proven

    def tables(self) -> list[str]:
        """The tables that keep rows."""
        fronts = [file.name[5:-4] for file in sql_files("cluster") if file.name[0].isdigit()]
        return [name for name in fronts if not name.endswith("_in")]

    def _copy_and_prove(self) -> None:
        self._prepare()
        for table in self.tables():
            self._copy(table)
            self.say(f"copied {table}")
        self._close()
        try:
            for table in self.tables():
                self._sync(self.old, self.old.shard_name, table)
                self._copy(table)
                self._sync(self.new, self.copies, table)
                self._settle(table)
            proven = self._compare("the copies")
        except StoreError:
            self._open()
            raise
        self.say(f"proven, with the landing tables closed: {sum(proven.values())} things in {len(proven)} tables")

    def _prepare(self) -> None:
        seen = [node for node in nodes.look(self.new) if node.answers]
        found = [each for each in nodes.differences(seen, self.new) if "it has no" in each.seen]
        if not seen or found:
            what = found[0].seen if found else "no node of it answers"
            raise ConfigurationError(
                f"{self.new.name} is not ready ({what}): rvbbit-otel migrate --cluster {self.new.name}"
            )
        for name in (self.copies, self.dealt_name):
            self._new("make_database", database=name)
        definitions = nodes.usual(seen)
        shard, copies = self.new.shard_name, self.copies
        for table in self.tables():
            text = (
                definitions[shard, table].replace(f" {shard}.", f" {copies}.", 1).replace(f"/{shard}/", f"/{copies}/")
            )
            self.new.front.command(nodes.for_all(text, self.new.name))
        self._fronts(self.dealt, self.copies)

    def _copy(self, table: str) -> None:
        """Copy each partition of which the copy is not what the rows are."""
        there, copied = self._proof(self.old.front, table), self._proof(self.dealt, table)
        for partition in there.keys() | copied.keys():
            # Of what every shard has, a copy that was cut off looks like a whole one.
            if table not in TO_EACH and there.get(partition) == copied.get(partition):
                continue
            if partition in copied:
                self._new("drop_partition", database=self.copies, table=table, partition=partition)
            if partition in there:
                for statement in self._dealing(table):
                    self.dealt.command(statement, {"partition": partition})

    def _dealing(self, table: str) -> Iterator[str]:
        marks = {"table": table, "front": self.old.front_name}
        if table not in TO_EACH:
            yield _filled("copy", marks)
            return
        ((shards,),) = self.new.front.query(read("reshard/shards.sql"), {"cluster": self.new.name}).rows
        for number in range(1, int(str(shards)) + 1):
            yield _filled("copy_to_each", {**marks, "number": str(number)})

    def _settle(self, table: str) -> None:
        """Merge the partitions in which something is twice: it was on two shards, and is on one now."""
        for partition, (rows, things, *_) in self._facts(self.dealt, table).items():
            if rows != things and table not in TO_EACH:
                self._new("settle", database=self.copies, table=table, partition=partition)

    def _compare(self, what: str) -> dict[str, int]:
        proven = {}
        for table in self.tables():
            there, copied = self._proof(self.old.front, table), self._proof(self.dealt, table)
            for partition in sorted(there.keys() | copied.keys()):
                if there.get(partition) != copied.get(partition):
                    raise StoreError(
                        f"{table}, partition {partition}: {what} have {copied.get(partition)}, the rows {there.get(partition)}."
                        " Nothing was given up: see `rvbbit-otel audit duplicates`, and run this again"
                    )
            proven[table] = sum(int(str(values[0])) for values in there.values())
        return proven

    def _facts(self, database: Database, table: str) -> dict[str, tuple[object, ...]]:
        rows = database.query(read(f"reshard/prove/{table}.sql")).rows
        return {str(partition): tuple(values) for partition, *values in rows}

    def _proof(self, database: Database, table: str) -> dict[str, tuple[object, ...]]:
        """Return the sums of each partition that don't depend on how often a row is stored, so not its number of
        rows.
        """
        return {partition: values[1:] for partition, values in self._facts(database, table).items()}

    def _take_their_place(self) -> None:
        for table in self.tables():
            found = set()
            for database in (self.new.shard_name, self.copies):
                values = {"cluster": self.new.name, "database": database, "table": table}
                found |= {str(row[0]) for row in self.new.front.query(read("reshard/partitions.sql"), values).rows}
            for partition in sorted(found):
                where = {"database": self.new.shard_name, "table": table, "partition": partition}
                # Two statements, since a shard may have nothing of a partition, and not every version of the engine takes a REPLACE by nothing. Safe
                # to run again: the first takes away what a second that was cut off had put there.
                self._new("drop_partition", **where)
                self._new("attach_partition", source=self.copies, **where)
            self._sync(self.new, self.new.shard_name, table)
        self._fronts(self.dealt, self.new.shard_name)
        self.say("the copies have taken the place of the old rows")

    def _reads_copies(self) -> bool:
        rows = self.old.front.query(read("reshard/where.sql")).rows
        if not rows:
            raise ConfigurationError(
                f"{self.old.front_name} has no tables of ours: rvbbit-otel migrate --cluster {self.old.name}"
            )
        return f"'{self.copies}'" in str(rows[0][0])

    def _front_reads(self, shard_name: str) -> None:
        self._fronts(self.new.front, shard_name)

    def _fronts(self, front: Database, shard_name: str) -> None:
        """Make the Distributed tables of one database anew, over these tables of the new cluster."""
        over = replace(self.new, shard_name=shard_name)
        for file in sql_files("cluster"):
            if file.name[0].isdigit() and file.name[5:-4] in self.tables():
                front.command(_anew(over.fill(text_of(file))))

    def _close(self) -> None:
        """Refuse every insert from here on: senders keep what they have. Then wait for those that run."""
        for table in LANDING:
            for cluster in (self.old, self.new):
                cluster.shard.command(cluster.everywhere(read(f"landing/close_{table}.sql").strip()))
        self.say("the landing tables are closed: senders keep what they have")
        values = {"cluster": self.old.name}
        waited = 0.0
        while int(str(self.old.front.query(read("reshard/inserts.sql"), values).rows[0][0])):
            if waited >= _PATIENCE:
                self._open()
                raise StoreError(f"inserts have run for {_PATIENCE:.0f} s: see system.processes, and run this again")
            self.pause(0.5)
            waited += 0.5

    def _open(self) -> None:
        """Take inserts again: by the fronts of the new cluster, if questions are asked there, else by the old ones."""
        moved = not self._reads_copies() and f"'{self.new.name}'" in self._engine()
        for table in LANDING if moved else ():
            (file,) = [file for file in sql_files("cluster") if file.name[5:] == f"{table}.sql"]
            self.new.front.command(_anew(self.new.fill(text_of(file))))
        for cluster in (self.old, self.new):
            for statement in landing.opening(LANDING):
                cluster.shard.command(cluster.everywhere(statement))

    def _engine(self) -> str:
        return str(self.new.front.query(read("reshard/where.sql")).rows[0][0]).replace("`", "'")

    def _sync(self, cluster: Cluster, database: str, table: str) -> None:
        cluster.front.command(_filled("sync", {"cluster": cluster.name, "database": database, "table": table}))

    def _new(self, file: str, **marks: str) -> None:
        self.new.front.command(_filled(file, {"cluster": self.new.name, **marks}))


def _filled(file: str, marks: dict[str, str]) -> str:
    """A file of sql/reshard with its marks filled in: names of ours, and partitions as the engine writes them."""
    text = read(f"reshard/{file}.sql").strip()
    for name, value in marks.items():
        if not _PARTITION.fullmatch(value):
            raise StoreError(f"{value[:80]!r} is no name and no partition")
        text = (
            text.replace(f"`{{{name}}}`", f"`{value}`")
            .replace(f"'{{{name}}}'", f"'{value}'")
            .replace(f"= {{{name}}}", f"= {value}")
        )
    return text


def _anew(text: str) -> str:
    return text.replace("CREATE TABLE IF NOT EXISTS", "CREATE OR REPLACE TABLE", 1)
