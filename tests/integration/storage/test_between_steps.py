"""Spans and log records that come between any two statements of a migration: what is acknowledged is stored, in every table, once."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from tests.integration.storage.test_cluster import ADDED, WithoutKeeper, cluster_of
from tests.support.engine_process import CLUSTERS, EngineProcess, EngineProcessError, running_engine
from tests.support.otlp import logs, row, traces

from rvbbit_otel.storage import landing, migrations
from rvbbit_otel.storage.database import Database, Result
from rvbbit_otel.storage.otlp import logs_insert, traces_insert

CLOSED = "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO"
ABSENT = "UNKNOWN_TABLE"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineProcess]:
    with running_engine(tmp_path_factory.mktemp("between"), CLUSTERS) as node:
        yield node


@pytest.fixture
def name(node: EngineProcess) -> Iterator[str]:
    name = "between"
    for database in (name, f"{name}_shard"):
        node.command(f"CREATE DATABASE {database}")
    yield name
    for database in (name, f"{name}_shard"):
        node.command(f"DROP DATABASE {database}")


class Senders:
    """They send a span and a log record by each way, whenever they are asked to; and keep what was acknowledged, and what was said."""

    def __init__(self, folder: Path, *databases: EngineProcess) -> None:
        self.file = folder / "body.bin"
        self.databases = databases
        self.numbers = itertools.count(1)
        self.spans: list[str] = []
        self.records: list[str] = []
        self.said: set[str] = set()

    def send(self) -> None:
        for database in self.databases:
            self._raw(database)
            self._columns(database)

    def _try(self, statement: Callable[[], None], kept: list[str], what: str) -> None:
        try:
            statement()
        except EngineProcessError as error:
            self.said |= {word for word in (CLOSED, ABSENT) if f"({word})" in str(error)} or {str(error)}
        else:
            kept.append(what)

    def _raw(self, database: EngineProcess) -> None:
        for insert, kept in ((traces_insert(), self.spans), (logs_insert(), self.records)):
            number = next(self.numbers)
            body = traces(row(number, f"s{number}", "sql-fox")) if kept is self.spans else logs([(f"r{number}", {})])
            self.file.write_bytes(body)
            into, settings = insert.split(" SETTINGS ")
            statement = f"{into} FROM INFILE '{self.file}' SETTINGS {settings}, distributed_foreground_insert = 1 FORMAT ProtobufSingle"
            self._try(
                lambda statement=statement: database.command(statement),  # type: ignore[misc]
                kept,
                f"s{number}" if kept is self.spans else f"r{number}",
            )

    def _columns(self, database: EngineProcess) -> None:
        number = next(self.numbers)
        span = (
            "INSERT INTO otel_traces_in (Timestamp, TraceId, SpanId, SpanAttributes) SETTINGS distributed_foreground_insert = 1"
            f" SELECT now64(9), lower(leftPad(hex({number}), 32, '0')), lower(leftPad(hex({number}), 16, '0')),"
            f" map('session.id', 's{number}', 'rvbbit.caller.id', 'sql-fox', 'cloud.region', 'north')"
        )
        self._try(lambda: database.command(span), self.spans, f"s{number}")
        record = (
            "INSERT INTO otel_logs_in (Timestamp, Body) SETTINGS distributed_foreground_insert = 1"
            f" SELECT now64(9), 'r{number}'"
        )
        self._try(lambda: database.command(record), self.records, f"r{number}")


class Watched:
    """A database before each of whose statements everybody sends."""

    def __init__(self, database: Database, senders: Senders) -> None:
        self.database = database
        self.senders = senders

    def command(self, sql: str, parameters: Mapping[str, object] | None = None) -> None:
        self.senders.send()
        self.database.command(sql, parameters)

    def query(self, sql: str, parameters: Mapping[str, object] | None = None) -> Result:
        return self.database.query(sql, parameters)


def stored(database: EngineProcess) -> dict[str, list[str]]:
    """Which sessions each table has, a row each, and which records."""
    columns = {"unified_logs": "session_id", "otel_traces": "session_id", "session_state": "session_id"}
    found = {table: f"SELECT {column} FROM {table} ORDER BY {column}" for table, column in columns.items()}
    found["otel_logs"] = "SELECT Body FROM otel_logs ORDER BY Body"
    return {table: [str(value) for (value,) in database.rows(sql)] for table, sql in found.items()}


def assert_all_is_there(database: EngineProcess, senders: Senders) -> None:
    spans, records = sorted(senders.spans), sorted(senders.records)
    assert stored(database) == {
        "unified_logs": spans,
        "otel_traces": spans,
        "session_state": spans,
        "otel_logs": records,
    }


def test_between_two_steps_of_a_fresh_schema_what_is_acknowledged_is_stored(
    node: EngineProcess, name: str, tmp_path: Path
) -> None:
    database = node.at(name)
    senders = Senders(tmp_path, database)
    migrations.apply(Watched(database, senders))
    senders.send()
    # They were refused with what they send again after, for as long as it took; and are taken now.
    assert senders.said == {CLOSED, ABSENT}
    assert len(senders.spans) >= 2
    assert len(senders.records) >= 2
    assert_all_is_there(database, senders)


def test_between_two_steps_of_a_fresh_cluster_what_is_acknowledged_is_stored(
    node: EngineProcess, name: str, tmp_path: Path
) -> None:
    cluster = cluster_of(node, name)
    senders = Senders(tmp_path, node.at(name), node.at(f"{name}_shard"))
    front, shard = Watched(cluster.front, senders), Watched(cluster.shard, senders)
    migrations.apply(front, cluster=type(cluster)(cluster.name, front, shard, cluster.front_name, cluster.shard_name))
    senders.send()
    assert senders.said == {CLOSED, ABSENT}
    assert_all_is_there(node.at(name), senders)


@pytest.mark.parametrize("on_cluster", [False, True], ids=["server", "cluster"])
def test_a_column_is_added_to_a_store_full_of_rows_and_nothing_that_comes_meanwhile_is_lost(
    node: EngineProcess, name: str, tmp_path: Path, on_cluster: bool
) -> None:
    database = node.at(name)
    cluster = cluster_of(node, name) if on_cluster else None
    before = migrations.packaged()
    migrations.apply(cluster.front if cluster else database, cluster=cluster)
    senders = Senders(tmp_path, database)
    for _ in range(5):
        senders.send()
    assert len(senders.spans) == 10
    after = (
        *before,
        *(type(each)(len(before) + index, each.name, each.sql) for index, each in enumerate(ADDED, start=1)),
    )
    if cluster:
        front, shard = Watched(cluster.front, senders), Watched(cluster.shard, senders)
        cluster = type(cluster)(cluster.name, front, shard, cluster.front_name, cluster.shard_name)
        assert migrations.apply(front, after, cluster) == list(after[-2:])
    else:
        assert migrations.apply(Watched(database, senders), after) == list(after[-2:])
    senders.send()
    assert senders.said == set()
    assert_all_is_there(database, senders)
    # Rows that were there have no value, the last one sent by columns has; none is lost between.
    ((without,), (last,)) = (
        database.rows(
            "SELECT count() FROM unified_logs WHERE region = '' AND span_id = lower(leftPad(hex(3), 16, '0'))"
        ),
        database.rows(f"SELECT region FROM unified_logs WHERE session_id = '{senders.spans[-1]}'"),
    )
    assert (without, last) == ((1,), ("north",))


def test_a_migration_that_was_cut_off_before_it_opened_the_landing_tables_opens_them_when_it_is_run_again(
    node: EngineProcess, name: str, tmp_path: Path
) -> None:
    database = node.at(name)

    class PowerCut(Exception):
        pass

    class CutOff(WithoutKeeper):
        def command(self, sql: str, parameters: Mapping[str, object] | None = None) -> None:
            if "DROP COLUMN" in sql:
                raise PowerCut
            super().command(sql, parameters)

    with pytest.raises(PowerCut):
        migrations.apply(CutOff(database))
    assert landing.closed(database) == ["otel_logs_in", "otel_traces_in", "otlp_logs_in", "otlp_traces_in"]
    assert migrations.pending(database) == []
    assert migrations.apply(database) == []
    assert landing.closed(database) == []
    senders = Senders(tmp_path, database)
    senders.send()
    assert (len(senders.spans), len(senders.records)) == (2, 2)
    assert_all_is_there(database, senders)
