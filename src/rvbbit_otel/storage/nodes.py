"""Ask every node of a cluster what it has, and find what differs.

``CREATE ... IF NOT EXISTS ... ON CLUSTER`` is silent about a node that has another table of that name, and about one that came later and has none.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from rvbbit_otel.errors import SchemaError
from rvbbit_otel.storage.cluster import Cluster
from rvbbit_otel.storage.files import read

# A table by its database and name.
Name = tuple[str, str]
_START: Final = re.compile(r"^CREATE (?P<what>TABLE|VIEW|MATERIALIZED VIEW) (?P<name>\S+)")
_MIGRATE: Final = "rvbbit-otel migrate --cluster"


@dataclass(frozen=True)
class Replica:
    """One Replicated table of one node: its path in Keeper, its own name there, how many are there, and whether it lost Keeper."""

    path: str
    name: str
    replicas: int
    lost: bool


@dataclass(frozen=True)
class Node:
    """One node as the configuration names it, and what it has. `answers` is false of one that was not reached: then all else is empty."""

    shard: int
    replica: int
    name: str
    answers: bool = False
    host: str = ""
    version: str = ""
    zone: str = ""
    macros: Mapping[str, str] = field(default_factory=dict)
    engines: Mapping[Name, str] = field(default_factory=dict)
    definitions: Mapping[Name, str] = field(default_factory=dict)
    replicas: Mapping[Name, Replica] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The name of the node in messages."""
        return f"{self.name} (shard {self.shard}, replica {self.replica})"


@dataclass(frozen=True)
class Difference:
    """Something that is not as it has to be: on which node, what was seen, and what to do."""

    node: str
    seen: str
    remedy: str


def look(cluster: Cluster) -> list[Node]:
    """Ask every node of the cluster; raises StoreError if the configuration knows no cluster of this name."""
    values = {"cluster": cluster.name, "front": cluster.front_name, "shard": cluster.shard_name}

    def rows(file: str) -> list[tuple[object, ...]]:
        return cluster.front.query(read(f"nodes/{file}.sql"), values).rows

    said = {int(str(number)): (str(host), str(version), str(zone)) for number, host, version, zone in rows("answering")}
    macros: dict[int, dict[str, str]] = {number: {} for number in said}
    engines: dict[int, dict[Name, str]] = {number: {} for number in said}
    definitions: dict[int, dict[Name, str]] = {number: {} for number in said}
    replicas: dict[int, dict[Name, Replica]] = {number: {} for number in said}
    for number, macro, value in rows("macros"):
        macros.setdefault(int(str(number)), {})[str(macro)] = str(value)
    for number, database, table, engine, text in rows("tables"):
        engines.setdefault(int(str(number)), {})[str(database), str(table)] = str(engine)
        definitions.setdefault(int(str(number)), {})[str(database), str(table)] = str(text)
    for number, database, table, path, name, count, lost in rows("replicas"):
        found = Replica(str(path), str(name), int(str(count)), str(lost) not in ("0", "False", "false"))
        replicas.setdefault(int(str(number)), {})[str(database), str(table)] = found
    nodes = []
    for number, (shard, replica, name) in enumerate(rows("configured"), start=1):
        place = (int(str(shard)), int(str(replica)), str(name))
        if number in said:
            nodes.append(
                Node(
                    *place, True, *said[number], macros[number], engines[number], definitions[number], replicas[number]
                )
            )
        else:
            nodes.append(Node(*place))
    return nodes


def usual(nodes: Iterable[Node]) -> dict[Name, str]:
    """Each table as most nodes have it; where as many have it otherwise, as the first one has it."""
    found: dict[Name, Counter[str]] = {}
    for node in nodes:
        for name, text in node.definitions.items():
            found.setdefault(name, Counter())[text] += 1
    return {name: counted.most_common(1)[0][0] for name, counted in found.items()}


def is_closed(definition: str) -> bool:
    """Return whether a table is a landing table that refuses every insert."""
    return "`closed` UInt8 MATERIALIZED" in definition


def for_all(definition: str, cluster: str) -> str:
    """What one node has, as a statement that makes it on every node that has not; raises SchemaError for what is no table or view."""
    start = _START.match(definition)
    if start is None:
        raise SchemaError(f"a node has a table that is made by {definition[:80]!r}, which can't be made on others")
    return f"CREATE {start['what']} IF NOT EXISTS {start['name']} ON CLUSTER `{cluster}`{definition[start.end() :]}"


def differences(nodes: list[Node], cluster: Cluster) -> list[Difference]:
    """All that is not as it has to be; none means that every node answers and has what the others have."""
    if not nodes:
        remedy = "SELECT DISTINCT cluster FROM system.clusters names those that there are"
        return [Difference("the cluster", f"the server's configuration knows no cluster {cluster.name!r}", remedy)]
    found = [
        Difference(node.title, "does not answer", "start it, or take it out of remote_servers")
        for node in nodes
        if not node.answers
    ]
    there = [node for node in nodes if node.answers]
    found += _servers(there)
    expected = usual(there)
    for node in there:
        found += _tables(node, expected, f"{_MIGRATE} {cluster.name}")
        found += _replicas(node, there)
    return found


def _servers(nodes: list[Node]) -> Iterator[Difference]:
    for what, values, remedy in (
        (
            "version",
            {node.title: node.version for node in nodes},
            "upgrade the others too: docs/how-to/upgrade-and-backup.md",
        ),
        ("time zone", {node.title: node.zone for node in nodes}, "set <timezone>UTC</timezone> and restart it"),
    ):
        most = Counter(values.values()).most_common(1)
        for title, value in values.items():
            if value != most[0][0]:
                yield Difference(title, f"its {what} is {value}, of most others {most[0][0]}", remedy)
    for node in nodes:
        if lacking := [name for name in ("shard", "replica", "cluster") if not node.macros.get(name)]:
            remedy = "set <macros> in its configuration: paths in Keeper and the views' rights are written with them"
            yield Difference(node.title, f"it has no macro {', '.join(lacking)}", remedy)


def _tables(node: Node, expected: Mapping[Name, str], remedy: str) -> Iterator[Difference]:
    for name, text in sorted(expected.items()):
        if name not in node.definitions:
            yield Difference(node.title, f"it has no {'.'.join(name)}", remedy)
        elif node.definitions[name] != text:
            seen = f"{'.'.join(name)} is not as on most others: SHOW CREATE TABLE {'.'.join(name)}"
            yield Difference(
                node.title,
                seen,
                "let the statements of the others come through (system.distributed_ddl_queue), or make it anew",
            )
        elif is_closed(text):
            yield Difference(node.title, f"{'.'.join(name)} takes nothing yet", remedy)


def _replicas(node: Node, nodes: list[Node]) -> Iterator[Difference]:
    for name, mine in sorted(node.replicas.items()):
        title = ".".join(name)
        others = [(each, each.replicas[name]) for each in nodes if each is not node and name in each.replicas]
        everywhere = name[1] == "schema_migrations"
        if mine.lost:
            yield Difference(
                node.title,
                f"{title} has lost Keeper and takes nothing",
                "see system.replicas there, then SYSTEM RESTORE REPLICA",
            )
        for other, theirs in others:
            together = everywhere or other.shard == node.shard
            if together and theirs.path != mine.path:
                seen = f"{title} lies at {mine.path} in Keeper, on {other.title} at {theirs.path}: they are no replicas of each other"
                yield Difference(node.title, seen, "docs/how-to/run-on-a-cluster.md#a-replica-that-is-alone")
            elif not together and theirs.path == mine.path:
                seen = f"{title} is a replica of the one on {other.title}, another shard: every row would be on both"
                yield Difference(node.title, seen, "give each shard a macro `shard` of its own, before there are rows")
