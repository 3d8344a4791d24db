"""Several engine processes that stand for the nodes of a cluster: statements with ON CLUSTER run on each, questions to all replicas ask each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.engine_process import EngineProcess, EngineProcessError, running_engine

from rvbbit_otel.storage.cluster import Cluster
from rvbbit_otel.storage.database import Result
from rvbbit_otel.storage.files import read

CLUSTER = "sim"
FRONT = "rvbbit"
SHARD = "rvbbit_shard"
_ON_CLUSTER = re.compile(r" ON CLUSTER `(\w+)`")
_REPLICATED = re.compile(r"\bReplicated(\w*MergeTree)\('/clickhouse[^)]*\)")


@dataclass
class Machine:
    """A node: an engine process over a folder of its own, which outlives the process."""

    shard: int
    replica: int
    folder: Path
    keeper: bool = False
    process: EngineProcess | None = None
    # Statements for every node that came while it was away: it runs them when it is back, as a server does from Keeper's queue.
    queue: list[tuple[str, str]] = field(default_factory=list)
    _running: AbstractContextManager[EngineProcess] | None = None

    @property
    def title(self) -> str:
        return f"node-{self.shard}-{self.replica}"

    def start(self, names: Mapping[str, list[list[str]]]) -> None:
        """Start the process; `names`: the clusters of its configuration, as hosts by shard."""
        clusters = "".join(
            f"<{name}>"
            + "".join(
                "<shard>"
                + "".join(f"<replica><host>{host}</host><port>9</port></replica>" for host in shard)
                + "</shard>"
                for shard in shards
            )
            + f"</{name}>"
            for name, shards in names.items()
        )
        keeper = "<zookeeper><implementation>testkeeper</implementation></zookeeper>" if self.keeper else ""
        macros = f"<shard>{self.shard}</shard><replica>{self.title}</replica><cluster>{CLUSTER}</cluster>"
        # No merge by itself, not even before it can be told so: what is merged is merged on purpose.
        quiet = "<max_bytes_to_merge_at_max_space_in_pool>1</max_bytes_to_merge_at_max_space_in_pool>"
        configuration = f"<macros>{macros}</macros><remote_servers>{clusters}</remote_servers><merge_tree>{quiet}</merge_tree>{keeper}"
        self._running = running_engine(self.folder, configuration)
        self.process = self._running.__enter__()
        for database, sql in self.queue:
            self.process.at(database).command(sql)
        self.queue.clear()

    def stop(self, *, kill: bool = False) -> None:
        """Stop the process, or kill it; what it stored stays."""
        assert self._running is not None
        assert self.process is not None
        # With the engine's Keeper for tests it does not end by itself.
        if kill or self.keeper:
            self.process.process.kill()
        self._running.__exit__(None, None, None)
        self.process = self._running = None

    @property
    def alive(self) -> bool:
        return self.process is not None

    def at(self, database: str) -> EngineProcess:
        assert self.process is not None, f"{self.title} does not answer"
        return self.process.at(database)


class Everywhere:
    """A database of the cluster, as a client sees it that is connected to one node."""

    def __init__(self, machines: list[Machine], database: str) -> None:
        self.machines = machines
        self.database = database
        self.seen: list[str] = []

    def command(self, sql: str, parameters: Mapping[str, object] | None = None) -> None:
        self.seen.append(sql)
        for machine in self.machines if _ON_CLUSTER.search(sql) else [self._first()]:
            alone = _ON_CLUSTER.sub("", sql)
            if not machine.keeper or "schema_migrations" in alone:
                # The book is written to, for which a test's Keeper is too little.
                alone = _REPLICATED.sub(r"\1", alone)
            database = "default" if "CREATE DATABASE" in alone else self.database
            if machine.alive:
                machine.at(database).command(alone, parameters)
            else:
                machine.queue.append((database, alone))

    def query(self, sql: str, parameters: Mapping[str, object] | None = None) -> Result:
        if "FROM system.clusters" in sql:
            rows = [(machine.shard, machine.replica, machine.title) for machine in self.machines]
            return Result(("shard_num", "replica_num", "host_name"), list(rows))
        if "clusterAllReplicas(" not in sql:
            answer = self._first().at(self.database).query(sql, parameters)
            if sql == read("book.sql"):
                return Result(answer.columns, [("ReplicatedReplacingMergeTree",) for _ in answer.rows])
            return answer
        found: list[tuple[object, ...]] = []
        columns: tuple[str, ...] = ()
        for number, machine in enumerate(self.machines, start=1):
            if machine.alive:
                alone = re.sub(r"clusterAllReplicas\([^,]*, ([\w.]+)\)", r"\1", sql).replace("_shard_num", str(number))
                alone = alone.replace("hostName()", f"'{machine.title}'")
                result = machine.at("default").query(alone, parameters)
                columns = result.columns
                found += result.rows
        return Result(columns, found)

    def _first(self) -> Machine:
        return next(machine for machine in self.machines if machine.alive)


def cluster_over(machines: list[Machine], name: str = CLUSTER) -> Cluster:
    """The cluster of these nodes, as commands get it."""
    return Cluster(name, Everywhere(machines, FRONT), Everywhere(machines, SHARD), FRONT, SHARD)


__all__ = ["CLUSTER", "FRONT", "SHARD", "EngineProcessError", "Everywhere", "Machine", "cluster_over"]
