"""A reshard that is cut off, wherever that is, goes on when it is run again, and questions never see a session twice or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from tests.cluster.scenario import Week
from tests.support.machines import FRONT, SHARD
from tests.support.simulated import FrontDatabase, ShardDatabase

from rvbbit_otel.errors import ConfigurationError, StoreError
from rvbbit_otel.storage import landing, migrations
from rvbbit_otel.storage.cluster import Cluster
from rvbbit_otel.storage.database import Result
from rvbbit_otel.storage.joining import make_missing
from rvbbit_otel.storage.reshard import DEALT, Reshard


class PowerCutError(Exception):
    pass


class Fuse:
    """Lets so many statements through, of all connections together."""

    def __init__(self, statements: int) -> None:
        self.left = statements

    def over(self, database: FrontDatabase | ShardDatabase) -> Fused:
        return Fused(database, self)


class Fused:
    """A connection behind the fuse."""

    def __init__(self, database: FrontDatabase | ShardDatabase, fuse: Fuse) -> None:
        self.database = database
        self.fuse = fuse

    def command(self, sql: str, parameters: Mapping[str, object] | None = None) -> None:
        if not self.fuse.left:
            raise PowerCutError
        self.fuse.left -= 1
        self.database.command(sql, parameters)

    def query(self, sql: str, parameters: Mapping[str, object] | None = None) -> Result:
        return self.database.query(sql, parameters)


@pytest.fixture
def this(tmp_path: Path) -> Iterator[Week]:
    """Two shards with rows, and a third one with tables."""
    this = Week(tmp_path, 12, 1)
    for number in (1, 2):
        this.add(number, 1)
    cluster = this.simulation.over("two")
    migrations.apply(cluster.front, cluster=cluster)
    this.fresh(2)
    this.records()
    yield this
    this.close()


def reshard(this: Week, fuse: Fuse) -> Reshard:
    simulation = this.simulation

    def over(name: str) -> Cluster:
        found = simulation.over(name)
        return replace(
            found, front=fuse.over(FrontDatabase(simulation, FRONT)), shard=fuse.over(ShardDatabase(simulation, SHARD))
        )

    return Reshard(
        over("two"), over("three"), fuse.over(FrontDatabase(simulation, FRONT + DEALT)), pause=lambda _: None
    )


def test_cut_off_anywhere_and_run_again_it_comes_to_its_end_and_no_question_sees_anything_twice(this: Week) -> None:
    this.add(3, 1)
    make_missing(this.simulation.over("three"))
    cuts = 0
    for statements in range(5, 2000, 40):
        try:
            proven = reshard(this, Fuse(statements)).run()
        except PowerCutError:
            cuts += 1
        else:
            break
        step = this.look(f"cut off after {statements} statements")
        assert (step.differ, step.seen) == ((), step.alone)
    assert cuts >= 3
    step = this.look("done")
    assert (step.differ, step.seen) == ((), step.alone)
    assert (proven["unified_logs"], proven["otel_traces"], proven["otel_logs"]) == (
        step.alone.rows,
        step.alone.spans,
        step.alone.records,
    )
    shards = [this.node(number, 1).at(SHARD) for number in (1, 2, 3)]
    assert all(shard.rows("SELECT count() > 0 FROM unified_logs") == [(1,)] for shard in shards)
    sessions = [{row[0] for row in shard.rows("SELECT DISTINCT session_id FROM session_facts")} for shard in shards]
    assert sum(map(len, sessions)) == len(set.union(*sessions)) > 12
    assert [landing.closed(shard) for shard in shards] == [[], [], []]
    this.resend(1)
    assert this.look("all sent again").differ == ()


def test_where_a_copy_is_not_what_the_rows_are_nothing_is_given_up_and_inserts_go_on(this: Week) -> None:
    this.add(3, 1)
    make_missing(this.simulation.over("three"))
    run = reshard(this, Fuse(10_000))
    simulation = this.simulation

    class Lossy(FrontDatabase):
        """Writes copies of log records, and loses those of the third shard."""

        def command(self, sql: str, parameters: Mapping[str, object] | None = None) -> None:
            super().command(sql, parameters)
            if "INSERT INTO `otel_logs`" in sql:
                this.node(3, 1).at("rvbbit_reshard").command("TRUNCATE TABLE otel_logs")

    with pytest.raises(StoreError, match=r"otel_logs, partition \d+: the copies have .* Nothing was given up"):
        replace(run, dealt=Lossy(simulation, FRONT + DEALT)).run()
    assert this.look("refused").differ == ()
    assert landing.closed(this.node(1, 1).at(SHARD)) == []
    this.fresh(1)
    assert this.look("and taken again").differ == ()


def test_nodes_without_our_tables_are_named_before_anything_is_changed(this: Week) -> None:
    this.add(3, 1)
    with pytest.raises(
        ConfigurationError, match=r"three is not ready \(it has no rvbbit.*rvbbit-otel migrate --cluster three"
    ):
        reshard(this, Fuse(0)).run()
