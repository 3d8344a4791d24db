"""Every node of a cluster is asked what it has: what one lacks is made, and what differs is said.

Each node is an engine process with the real statements of the cluster. With the engine's Keeper for tests the engines are the Replicated ones, which
take no rows there; that Keeper knows its own process only, so what nodes are to each other is tried on nodes that are written down.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from tests.integration.storage.test_between_steps import ABSENT, CLOSED
from tests.support.machines import CLUSTER, FRONT, SHARD, EngineProcessError, Everywhere, Machine, cluster_over

from rvbbit_otel.doctor.store import store
from rvbbit_otel.storage import landing, migrations
from rvbbit_otel.storage.client import ClickHouseDatabase
from rvbbit_otel.storage.cluster import Cluster
from rvbbit_otel.storage.database import Result
from rvbbit_otel.storage.files import read
from rvbbit_otel.storage.joining import make_missing
from rvbbit_otel.storage.nodes import Difference, Node, Replica, differences, look

NAMES = {CLUSTER: [["node-1-1", "node-1-2"], ["node-2-1"]]}
PLACES = ((1, 1), (1, 2), (2, 1))


@pytest.fixture(params=[True, False], ids=["replicated", "with rows"])
def machines(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[list[Machine]]:
    machines = [Machine(*place, tmp_path / f"{place[0]}-{place[1]}", keeper=request.param) for place in PLACES]
    yield machines
    for machine in machines:
        if machine.alive:
            machine.stop()


def start(*machines: Machine) -> None:
    for machine in machines:
        machine.start(NAMES)
        machine.at("default").command(f"CREATE DATABASE IF NOT EXISTS {FRONT}")


def tables_of(machine: Machine) -> list[tuple[object, ...]]:
    sql = f"SELECT database, name, create_table_query FROM system.tables WHERE database IN ('{FRONT}', '{SHARD}') ORDER BY database, name"
    return machine.at("default").rows(sql)


def differing(cluster: Cluster) -> list[Difference]:
    """What differs, but for that no replica takes rows with a test's Keeper."""
    return [each for each in differences(look(cluster), cluster) if "has lost Keeper" not in each.seen]


class Knocked(Everywhere):
    """The shards' database, where after each statement a span comes straight to one node."""

    def __init__(self, machines: list[Machine], node: Machine) -> None:
        super().__init__(machines, SHARD)
        self.node = node
        self.taken = 0
        self.refused: set[str] = set()

    def command(self, sql: str, parameters: Mapping[str, object] | None = None) -> None:
        super().command(sql, parameters)
        try:
            self.node.at(SHARD).command(
                "INSERT INTO otel_traces_in (Timestamp, TraceId, SpanId, SpanAttributes) SELECT now64(9), repeat('a', 32),"
                f" lower(leftPad(hex({self.taken + 1}), 16, '0')), map('session.id', 's', 'rvbbit.caller.id', 'sql-fox')"
            )
        except EngineProcessError as error:
            self.refused |= {word for word in (CLOSED, ABSENT) if f"({word})" in str(error)} or {str(error)}
        else:
            self.taken += 1


def test_a_node_that_joins_later_gets_its_tables_as_the_others_have_them_now(machines: list[Machine]) -> None:
    first, second, third = machines
    start(first, second)
    old = cluster_over([first, second])
    migrations.apply(old.front, cluster=old)
    assert differing(old) == []
    # What was changed since by hand: the new node must have it too.
    for machine in (first, second):
        machine.at(SHARD).command("ALTER TABLE spans_in ADD COLUMN region String")
    start(third)
    grown = cluster_over(machines)
    wanted = tables_of(first)
    remedy = "rvbbit-otel migrate --cluster sim"
    assert differing(grown) == [
        Difference("node-2-1 (shard 2, replica 1)", f"it has no {database}.{name}", remedy)
        for database, name, _ in wanted
    ]
    # The book says that all is applied: what a node lacks is seen by asking it.
    assert migrations.apply(grown.front, cluster=grown) == []
    assert [(database, name) for database, name, _ in wanted] == make_missing(grown)
    assert tables_of(third) == wanted
    assert tables_of(second) == wanted
    assert differing(grown) == []
    assert make_missing(grown) == []


class Doctored(Everywhere):
    """The store that doctor is told of."""

    address = "clickhouse.example.com:8123"

    def query(self, sql: str, parameters: Mapping[str, object] | None = None) -> Result:
        # What goes over the network to the shards has no answer here.
        if sql == read("doctor/spans_that_are_rows.sql"):
            return Result(("spans", "rows"), [(0, 0)])
        asked = any(word in sql for word in ("system.", "schema_migrations", "version()", "now64("))
        return super().query(sql, parameters) if asked and "detached_parts" not in sql else Result((), [])


@pytest.mark.parametrize("machines", [False], indirect=True)
def test_doctor_asks_every_node(machines: list[Machine]) -> None:
    start(*machines)
    old, grown = cluster_over(machines[:2]), cluster_over(machines)
    migrations.apply(old.front, cluster=old)

    def link(cluster: Cluster) -> tuple[str, str, str]:
        links = store(cast("ClickHouseDatabase", Doctored(machines, FRONT)), cluster)
        assert [each.name for each in links][:3] == ["store", "schema", "nodes"]
        return links[2].state, links[2].seen, links[2].remedy

    state, seen, remedy = link(grown)
    assert (state, remedy) == ("broken", "rvbbit-otel migrate --cluster sim --dry-run")
    assert seen.startswith("node-2-1 (shard 2, replica 1): it has no rvbbit.caller_facts; node-2-1")
    assert seen.endswith("; ...")
    make_missing(grown)
    assert link(grown) == ("ok", "3 nodes of sim answer, and have the same tables", "")


@pytest.mark.parametrize("machines", [False], indirect=True)
def test_a_node_that_joins_takes_nothing_before_it_has_all_and_loses_nothing(machines: list[Machine]) -> None:
    first, second, third = machines
    start(*machines)
    old = cluster_over([first, second])
    migrations.apply(old.front, cluster=old)
    knocked = Knocked(machines, third)
    grown = replace(cluster_over(machines), shard=knocked)
    make_missing(grown)
    assert knocked.refused == {ABSENT, CLOSED}
    # Refused until the landing table was opened, by the last statement but one of the shards'.
    assert knocked.taken == 2
    assert third.at(SHARD).rows("SELECT count() FROM unified_logs") == [(2,)]


@pytest.mark.parametrize("machines", [False], indirect=True)
def test_a_join_that_was_cut_off_before_the_landing_tables_were_open_is_finished_by_the_next(
    machines: list[Machine],
) -> None:
    start(*machines)
    old = cluster_over(machines[:2])
    migrations.apply(old.front, cluster=old)

    class PowerCut(Exception):
        pass

    class CutOff(Everywhere):
        def command(self, sql: str, parameters: Mapping[str, object] | None = None) -> None:
            if "DROP COLUMN" in sql:
                raise PowerCut
            super().command(sql, parameters)

    grown = cluster_over(machines)
    with pytest.raises(PowerCut):
        make_missing(replace(grown, shard=CutOff(machines, SHARD)))
    assert landing.closed(machines[2].at(SHARD)) == ["otel_logs_in", "otel_traces_in"]
    shut = [each.seen for each in differing(grown) if "_in " in each.seen]
    assert "rvbbit_shard.otel_traces_in is not as on most others: SHOW CREATE TABLE rvbbit_shard.otel_traces_in" in shut
    make_missing(grown)
    assert landing.closed(machines[2].at(SHARD)) == []
    assert differing(grown) == []


@pytest.mark.parametrize("machines", [True], indirect=True)
def test_the_path_of_a_replica_names_shard_database_and_table(machines: list[Machine]) -> None:
    first, _, _ = machines
    start(first)
    cluster = cluster_over([first])
    migrations.apply(cluster.front, cluster=cluster)
    (node,) = look(cluster)
    kept = {name for name, engine in node.engines.items() if engine.startswith("Replicated")}
    assert {
        name for name, found in node.replicas.items() if found.path != f"/clickhouse/tables/1/{SHARD}/{name[1]}"
    } == set()
    assert {found.name for found in node.replicas.values()} == {"node-1-1"}
    assert node.replicas.keys() == kept
    assert len(kept) == 13
    # An older version's columns are refused by Keeper where the others have newer ones: why a node is not made from the files again.
    now = node.definitions[SHARD, "unified_logs"].replace(f"{SHARD}.unified_logs", "older").replace("{replica}", "r2")
    assert "`parent_session_id` String" in now
    older = re.sub(r"`parent_session_id` String[^,]*, ", "", now)
    with pytest.raises(EngineProcessError, match="INCOMPATIBLE_COLUMNS"):
        first.at(SHARD).command(older)


def node(shard: int, replica: int, **more: object) -> Node:
    """A node as it should be, with one table, or as `more` says."""
    name = (SHARD, "unified_logs")
    title = f"node-{shard}-{replica}"
    good = Node(
        shard,
        replica,
        title,
        answers=True,
        host=title,
        version="26.3.1.896",
        zone="UTC",
        macros={"shard": str(shard), "replica": title, "cluster": "sim"},
        engines={name: "ReplicatedReplacingMergeTree"},
        definitions={name: "CREATE TABLE rvbbit_shard.unified_logs (`a` UInt8)"},
        replicas={name: Replica(f"/clickhouse/tables/{shard}/rvbbit_shard/unified_logs", title, 2, False)},
    )
    return replace(good, **more)  # type: ignore[arg-type]


def said(*nodes: Node) -> list[tuple[str, str]]:
    cluster = Cluster("sim", Everywhere([], FRONT), Everywhere([], SHARD), FRONT, SHARD)
    return [(each.node, each.seen) for each in differences(list(nodes), cluster)]


def test_each_way_in_which_a_node_differs_is_said_once_with_its_name() -> None:
    others = (node(1, 1), node(1, 2), node(2, 1))
    alone = {(SHARD, "unified_logs"): Replica("/clickhouse/tables/0f1e/2", "node-2-2", 1, False)}
    doubled = {(SHARD, "unified_logs"): Replica("/clickhouse/tables/1/rvbbit_shard/unified_logs", "node-2-2", 3, False)}
    lost = {(SHARD, "unified_logs"): Replica("/clickhouse/tables/2/rvbbit_shard/unified_logs", "node-2-2", 2, True)}
    other = {(SHARD, "unified_logs"): "CREATE TABLE rvbbit_shard.unified_logs (`a` UInt8, `b` UInt8)"}
    title = "node-2-2 (shard 2, replica 2)"
    assert said(*others, node(2, 2)) == []
    assert said(*others, Node(2, 2, "node-2-2")) == [(title, "does not answer")]
    assert said(*others, node(2, 2, version="25.8.1.1")) == [
        (title, "its version is 25.8.1.1, of most others 26.3.1.896")
    ]
    assert said(*others, node(2, 2, zone="Europe/Rome")) == [
        (title, "its time zone is Europe/Rome, of most others UTC")
    ]
    assert said(*others, node(2, 2, macros={"shard": "2"})) == [(title, "it has no macro replica, cluster")]
    assert said(*others, node(2, 2, definitions={}, replicas={})) == [(title, "it has no rvbbit_shard.unified_logs")]
    assert said(*others, node(2, 2, definitions=other)) == [
        (title, "rvbbit_shard.unified_logs is not as on most others: SHOW CREATE TABLE rvbbit_shard.unified_logs")
    ]
    assert said(*others, node(2, 2, replicas=lost)) == [
        (title, "rvbbit_shard.unified_logs has lost Keeper and takes nothing")
    ]
    where = "rvbbit_shard.unified_logs lies at"
    here, there = "/clickhouse/tables/2/rvbbit_shard/unified_logs", "/clickhouse/tables/0f1e/2"
    apart = "they are no replicas of each other"
    first = "node-2-1 (shard 2, replica 1)"
    assert said(*others, node(2, 2, replicas=alone)) == [
        (first, f"{where} {here} in Keeper, on {title} at {there}: {apart}"),
        (title, f"{where} {there} in Keeper, on {first} at {here}: {apart}"),
    ]
    shared = [
        seen for name, seen in said(*others, node(2, 2, replicas=doubled)) if name == title and "another shard" in seen
    ]
    every = "another shard: every row would be on both"
    assert shared == [
        f"rvbbit_shard.unified_logs is a replica of the one on node-1-{number} (shard 1, replica {number}), {every}"
        for number in (1, 2)
    ]
    assert said() == [("the cluster", "the server's configuration knows no cluster 'sim'")]
