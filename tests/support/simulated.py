"""A cluster of engine processes without a network between them: what Distributed tables, Keeper and replication do is done here, on purpose slowly.

Each node is an engine process with the shards' real statements. One more process stands in front: it takes raw OTLP apart by the real views, deals
rows out by the keys of the real Distributed tables, and answers questions from what one replica of each shard has at that moment. Nothing merges by
itself, and a replica gets what another took only when `replicate` is called: the worst that a cluster may do, each time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.engine_process import EngineProcess, EngineProcessError
from tests.support.machines import FRONT, SHARD, Machine

from rvbbit_otel.storage.cluster import Cluster
from rvbbit_otel.storage.database import Result
from rvbbit_otel.storage.files import read, sql_files
from rvbbit_otel.storage.otlp import logs_insert, traces_insert

_ON_CLUSTER = re.compile(r" ON CLUSTER `(\w+)`")
_REPLICATED = re.compile(r"\bReplicated(\w*MergeTree)\('/clickhouse[^)]*\)")
_DISTRIBUTED = re.compile(
    r"CREATE (?:OR REPLACE TABLE|TABLE IF NOT EXISTS) (\w+)(?: ON CLUSTER `\w+`)? AS `(\w+)`\.\w+"
    r"\s+ENGINE = Distributed\(\s*`(\w+)`,\s*`\w+`,\s*\w+(?:,\s*(.*?))?\s*\)$",
    re.S,
)
KEPT = tuple(
    file.name[5:-4] for file in sql_files("cluster") if file.name[0].isdigit() and not file.name.endswith("_in.sql")
)
COPIED = "SETTINGS optimize_on_insert = 0"


class NoReplicaAnswers(Exception):
    """Every replica of a shard is away: the sender is told, and sends again."""


@dataclass(frozen=True)
class Distributed:
    """What one Distributed table of the front says: over which cluster and database, by which key."""

    cluster: str
    database: str
    key: str


@dataclass
class Simulation:
    """The nodes, the process in front, and what stands between them."""

    folder: Path
    door: EngineProcess
    machines: list[Machine]
    # Which shards each cluster of the configuration has.
    clusters: dict[str, list[int]]
    # Nodes that do not fetch what other replicas took.
    lagging: set[str] = field(default_factory=set)
    # Whether an insert is acknowledged only when every replica that answers has it.
    quorum: bool = False
    distributed: dict[tuple[str, str], Distributed] = field(default_factory=dict)
    # Parts of each node that the others have, or that came from them.
    _seen: dict[str, set[tuple[str, str, str]]] = field(default_factory=dict)
    _files: int = 0
    # Picks the replica that takes an insert: the first that answers, as `load_balancing = 'in_order'` does.
    pick: int = 0

    def shard(self, number: int) -> list[Machine]:
        return [machine for machine in self.machines if machine.shard == number]

    def first(self, number: int) -> Machine:
        """The replica that takes inserts and answers questions."""
        there = [machine for machine in self.shard(number) if machine.alive]
        if not there:
            raise NoReplicaAnswers(f"shard {number}")
        return there[self.pick % len(there)]

    def nodes_of(self, cluster: str) -> list[Machine]:
        return [machine for machine in self.machines if machine.shard in self.clusters[cluster]]

    def file(self) -> Path:
        self._files += 1
        return self.folder / f"{self._files}.native"

    def carry(self, source: EngineProcess, select: str, target: EngineProcess, table: str, settings: str = "") -> None:
        """Rows from one process to another, as they are."""
        file = self.file()
        source.command(f"{select} INTO OUTFILE '{file}' FORMAT Native")
        # Without a row there is nothing to read the columns from.
        if file.exists() and file.stat().st_size:
            target.command(f"INSERT INTO {table} FROM INFILE '{file}' {settings} FORMAT Native")
        file.unlink(missing_ok=True)

    def join(self, machine: Machine) -> None:
        """Start a node and its empty databases; a replica copies what the others of its shard have when `replicate` is called."""
        machine.start({name: [["x"]] for name in self.clusters})
        machine.at("default").command("SYSTEM STOP MERGES")
        if machine not in self.machines:
            self.machines.append(machine)
        self._seen.setdefault(machine.title, set())

    def replicate(self) -> None:
        """Every replica that answers and does not lag fetches what others took."""
        for source in self.machines:
            if not source.alive:
                continue
            peers = [each for each in self.shard(source.shard) if each is not source]
            ready = [each for each in peers if each.alive and each.title not in self.lagging]
            # A part leaves the list only when every other replica has it.
            if not peers or len(ready) < len(peers):
                continue
            fresh = self._parts(source) - self._seen[source.title]
            before = {peer.title: self._parts(peer) for peer in ready}
            for database, table in sorted({part[:2] for part in fresh}):
                names = ", ".join(f"'{part[2]}'" for part in fresh if part[:2] == (database, table))
                for peer in ready:
                    select = f"SELECT * FROM {database}.{table} WHERE _part IN ({names})"
                    self.carry(source.at(database), select, peer.at(database), table, COPIED)
            self._seen[source.title] |= fresh
            for peer in ready:
                self._seen[peer.title] |= self._parts(peer) - before[peer.title]
        self.settle_names()

    def settle_names(self) -> None:
        """After a fetch every part of a replica that is not behind is one that the others have."""
        for machine in self.machines:
            peers = [each for each in self.shard(machine.shard) if each is not machine]
            if machine.alive and all(each.alive and each.title not in self.lagging for each in [machine, *peers]):
                self._seen[machine.title] = self._parts(machine)

    def merge(self) -> None:
        """What merges come to: every table of every node in as few parts as can be."""
        self.replicate()
        for machine in self.machines:
            if machine.alive:
                machine.at("default").command("SYSTEM START MERGES")
                for table in KEPT:
                    machine.at(SHARD).command(f"OPTIMIZE TABLE {table} FINAL")
                machine.at("default").command("SYSTEM STOP MERGES")
        self.settle_names()

    def _parts(self, machine: Machine) -> set[tuple[str, str, str]]:
        found = machine.at("default").rows(
            f"SELECT database, table, name FROM system.parts WHERE active AND database LIKE '{FRONT}\\_%' AND table IN {KEPT!r}"
        )
        return {(str(database), str(table), str(name)) for database, table, name in found}

    def deal(self, table: Distributed, name: str, sources: Sequence[tuple[EngineProcess, str]]) -> None:
        """Rows of each source, given as a process and a SELECT, to the shards by the table's key. All of it is taken, or an error is raised."""
        shards = self.clusters[table.cluster]
        for index, number in enumerate(shards):
            target = self.first(number)
            for process, select in sources:
                where = f"{select} {'AND' if ' WHERE ' in select else 'WHERE'} ({table.key}) % {len(shards)} = {index}"
                self.carry(process, where, target.at(table.database), name, COPIED if name in KEPT else "")
        if self.quorum:
            self.replicate()

    def send(self, signal: str, body: bytes) -> None:
        """One request from a gateway: acknowledged when every shard has its part of it; raises where one has not."""
        file = self.folder / "body.bin"
        file.write_bytes(body)
        landing = f"otel_{signal}_in"
        door = self.door.at(FRONT)
        door.command(f"TRUNCATE TABLE {landing}")
        into, settings = (traces_insert() if signal == "traces" else logs_insert()).split(" SETTINGS ")
        door.command(f"{into} FROM INFILE '{file}' SETTINGS {settings} FORMAT ProtobufSingle")
        self.deal(self.distributed[FRONT, landing], landing, [(door, f"SELECT * FROM {landing}")])

    def refresh(self, database: str, tables: Sequence[str]) -> None:
        """Bring to the front what one replica of each shard has now."""
        for name in tables:
            table = self.distributed[database, name]
            for number in self._all_shards():
                self.door.command(f"TRUNCATE TABLE {database}__{number}.{name}")
            for number in self.clusters[table.cluster]:
                source = self.first(number).at(table.database)
                self.carry(source, f"SELECT * FROM {name}", self.door.at(f"{database}__{number}"), name, COPIED)

    def _all_shards(self) -> list[int]:
        return sorted({number for shards in self.clusters.values() for number in shards})

    def over(self, cluster: str) -> Cluster:
        """The cluster of this name, as commands get it."""
        return Cluster(cluster, FrontDatabase(self, FRONT), ShardDatabase(self, SHARD), FRONT, SHARD)


@dataclass
class ShardDatabase:
    """The shards' database: ON CLUSTER runs on each node of that cluster."""

    simulation: Simulation
    database: str

    def command(self, sql: str, parameters: Mapping[str, object] | None = None) -> None:
        cluster = _ON_CLUSTER.search(sql)
        assert cluster, sql
        if sql.startswith("SYSTEM SYNC REPLICA"):
            self.simulation.replicate()
            return
        alone = _REPLICATED.sub(r"\1", _ON_CLUSTER.sub("", sql))
        changes_parts = "PARTITION" in alone
        if changes_parts:
            self.simulation.replicate()
        database = "default" if "DATABASE" in alone else self.database
        merges = alone.startswith(("OPTIMIZE", "--"))
        for machine in self.simulation.nodes_of(cluster[1]):
            if not machine.alive:
                machine.queue.append((database, alone))
                continue
            if merges:
                machine.at("default").command("SYSTEM START MERGES")
            machine.at(database).command(alone, parameters)
            if merges:
                machine.at("default").command("SYSTEM STOP MERGES")
        if changes_parts:
            self.simulation.settle_names()

    def query(self, sql: str, parameters: Mapping[str, object] | None = None) -> Result:
        first = next(machine for machine in self.simulation.machines if machine.alive)
        return first.at(self.database).query(sql, parameters)


@dataclass
class FrontDatabase:
    """A database in front: its Distributed tables are written down, and asked through copies of what they stand for."""

    simulation: Simulation
    database: str

    def command(self, sql: str, parameters: Mapping[str, object] | None = None) -> None:
        here = self.simulation.door.at(self.database)
        named = re.search(
            r"(?:ALTER TABLE|OPTIMIZE TABLE|SYNC REPLICA ON CLUSTER `\w+`|CREATE TABLE IF NOT EXISTS|DATABASE[A-Z ]*) `?(\w+)`?",
            sql,
        )
        if distributed := _DISTRIBUTED.search(sql.strip()):
            self._distributed(*distributed.groups())
        elif named and named[1].startswith(f"{FRONT}_") and "_dealt" not in named[1] and " ON CLUSTER " in sql:
            ShardDatabase(self.simulation, SHARD).command(sql, parameters)
        elif sql.lstrip("- ").startswith(("One partition", "As copy.sql")):
            self._copy(sql, parameters or {})
        else:
            alone = _REPLICATED.sub(r"\1", _ON_CLUSTER.sub("", sql))
            (self.simulation.door if "DATABASE" in alone else here).command(alone, parameters)

    def query(self, sql: str, parameters: Mapping[str, object] | None = None) -> Result:
        if "FROM clusterAllReplicas(" in sql or "FROM system.clusters" in sql:
            return self._nodes(sql, parameters or {})
        if "engine_full" in sql:
            found = self.simulation.distributed.get((self.database, "unified_logs"))
            rows: list[tuple[object, ...]] = (
                [] if found is None else [(f"Distributed('{found.cluster}', '{found.database}', unified_logs)",)]
            )
            return Result(("engine_full",), rows)
        if sql == read("book.sql"):
            return Result(("engine",), [("ReplicatedReplacingMergeTree",)])
        self.simulation.refresh(self.database, [name for name in KEPT if re.search(rf"\bFROM {name}\b", sql)])
        return self.simulation.door.at(self.database).query(sql, parameters)

    def _distributed(self, name: str, database: str, cluster: str, key: str | None) -> None:
        simulation, door = self.simulation, self.simulation.door
        simulation.distributed[self.database, name] = Distributed(cluster, database, key or "0")
        like = simulation.first(simulation.clusters[cluster][0]).at(SHARD)
        ((made,),) = like.rows(f"SHOW CREATE TABLE {name}")
        columns = str(made).replace(f"CREATE TABLE {SHARD}.{name}", f"CREATE TABLE IF NOT EXISTS {name}", 1)
        if name.endswith("_in"):
            door.at(self.database).command(
                columns.replace("ENGINE = `Null`", "ENGINE = Memory").replace("ENGINE = Null", "ENGINE = Memory")
            )
            return
        for number in simulation._all_shards():
            door.command(f"CREATE DATABASE IF NOT EXISTS {self.database}__{number}")
            door.at(f"{self.database}__{number}").command(columns)
        merged = f"ENGINE = Merge(REGEXP('^{self.database}__'), '^{name}$')"
        door.at(self.database).command(f"CREATE TABLE IF NOT EXISTS {name} AS {self.database}__1.{name} {merged}")

    def _copy(self, sql: str, parameters: Mapping[str, object]) -> None:
        simulation = self.simulation
        (name,) = set(re.findall(r"(?:INTO|\.)\s*`(\w+)`\n", sql))
        (front,) = re.findall(r"FROM `(\w+)`\.", sql)
        source, target = simulation.distributed[front, name], simulation.distributed[self.database, name]
        if number := re.search(r"insert_shard_id = (\d+)", sql):
            shards = simulation.clusters[target.cluster]
            target = Distributed(target.cluster, target.database, str(int(number[1]) - 1))
            assert 0 < int(number[1]) <= len(shards)
        simulation.deal(
            target,
            name,
            [
                (
                    simulation.first(each).at(source.database),
                    f"SELECT * FROM {name} WHERE _partition_id = '{parameters['partition']}'",
                )
                for each in simulation.clusters[source.cluster]
            ],
        )
        simulation.replicate()

    def _nodes(self, sql: str, parameters: Mapping[str, object]) -> Result:
        simulation = self.simulation
        machines = simulation.nodes_of(str(parameters["cluster"]))
        if "uniqExact(shard_num)" in sql:
            return Result(("shards",), [(len(simulation.clusters[str(parameters["cluster"])]),)])
        if "system.clusters" in sql:
            return Result(
                ("shard_num", "replica_num", "host_name"), [(each.shard, each.replica, each.title) for each in machines]
            )
        found: list[tuple[object, ...]] = []
        columns: tuple[str, ...] = ()
        for number, machine in enumerate(machines, start=1):
            if machine.alive:
                alone = re.sub(r"clusterAllReplicas\([^,]*, ([\w.]+)\)", r"\1", sql).replace("_shard_num", str(number))
                result = machine.at("default").query(alone, parameters)
                columns = result.columns
                found += result.rows
        if "count()" in sql:
            # The engine adds up itself what all nodes say.
            found = [(sum(int(str(row[0])) for row in found),)]
        return Result(columns, sorted(set(found), key=repr) if "DISTINCT" in sql else found)


__all__ = [
    "KEPT",
    "EngineProcessError",
    "FrontDatabase",
    "NoReplicaAnswers",
    "ShardDatabase",
    "Simulation",
]
