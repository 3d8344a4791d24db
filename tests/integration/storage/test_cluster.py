"""The schema of a cluster, as far as one engine goes.

Run here: the Distributed tables over one shard, and the dealing out over two databases that stand for shards, by the very keys of the files. Only
parsed: ON CLUSTER and the Replicated engines, which want Keeper. All of it is untested on a live cluster.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from tests.conftest import Store
from tests.support.engine_process import CLUSTERS, EngineProcess, running_engine
from tests.support.grafana import Range, board_queries, expand
from tests.support.otlp import NOW, SpanRecord, Value, logs, row, traces

from rvbbit_otel.all_in_one.engine.engine import Engine
from rvbbit_otel.errors import ConfigurationError, SchemaError
from rvbbit_otel.storage import migrations
from rvbbit_otel.storage.audits import load_audits
from rvbbit_otel.storage.client import ClickHouseDatabase, cluster_at
from rvbbit_otel.storage.cluster import Cluster, on_cluster
from rvbbit_otel.storage.database import Result
from rvbbit_otel.storage.files import read, sql_files, text_of
from rvbbit_otel.storage.migration import Migration, head
from rvbbit_otel.storage.otlp import logs_insert, traces_insert
from rvbbit_otel.storage.repair import STATEMENTS, repair

# What the profile of those who read a cluster sets: clickhouse/users/.
READERS = "distributed_product_mode = 'global', optimize_skip_unused_shards = 1"
_numbers = itertools.count()


class WithoutKeeper:
    """Runs statements of a cluster where there is no Keeper: on this one node, with engines that do not replicate."""

    def __init__(self, node: EngineProcess) -> None:
        self.node = node
        self.seen: list[str] = []

    def command(self, sql: str, parameters: Mapping[str, object] | None = None) -> None:
        self.seen.append(sql)
        alone = re.sub(r" ON CLUSTER `\w+`", "", sql)
        alone = re.sub(r"\bReplicated(\w*MergeTree)(\('/clickhouse[^)]*\))?", r"\1", alone)
        self.node.command(alone, parameters)

    def query(self, sql: str, parameters: Mapping[str, object] | None = None) -> Result:
        found = self.node.query(sql, parameters)
        if sql == read("book.sql"):
            return Result(found.columns, [(f"Replicated{engine}",) for (engine,) in found.rows])
        return found


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineProcess]:
    with running_engine(tmp_path_factory.mktemp("cluster"), CLUSTERS) as node:
        yield node


@pytest.fixture
def name(node: EngineProcess) -> Iterator[str]:
    name = f"c{next(_numbers)}"
    for database in (name, f"{name}_shard", f"{name}_alone"):
        node.command(f"CREATE DATABASE {database}")
    yield name
    for database in (name, f"{name}_shard", f"{name}_alone"):
        node.command(f"DROP DATABASE {database}")


def cluster_of(node: EngineProcess, name: str, cluster: str = "one") -> Cluster:
    front, shard = WithoutKeeper(node.at(name)), WithoutKeeper(node.at(f"{name}_shard"))
    return Cluster(cluster, front, shard, name, f"{name}_shard")


def send(database: EngineProcess, folder: Path, *bodies: bytes, insert: str | None = None) -> None:
    """Each body by an insert of its own, acknowledged once it is where it belongs."""
    for body in bodies:
        file = folder / "body.bin"
        file.write_bytes(body)
        into, settings = (insert or traces_insert()).split(" SETTINGS ")
        database.command(
            f"{into} FROM INFILE '{file}' SETTINGS {settings}, distributed_foreground_insert = 1 FORMAT ProtobufSingle"
        )


def story() -> list[SpanRecord]:
    """40 sessions of 8 callers, each with a child; usage, a straggler in each tenth session, and callers' root spans without a session."""
    spans: list[SpanRecord] = []
    number = itertools.count(1)
    for index in range(40):
        caller, session = f"sql-caller-{index % 8}", f"session-{index}"
        more = {"rvbbit__session__parent_id": f"session-{index - 8}"} if index >= 8 else {}
        start = row(next(number), session, caller, rvbbit__kind="session", rvbbit__session__event="start", **more)
        usage = row(
            next(number), session, caller, rvbbit__kind="log", rvbbit__usage__counted=True, rvbbit__usage__cost=0.25
        )
        end = row(
            next(number), session, caller, rvbbit__kind="cascade", rvbbit__cascade__id="c", rvbbit__session__event="end"
        )
        spans += [start, usage, end]
        if index % 10 == 0:
            spans.append(row(next(number), session, ""))
    for index in range(8):
        attributes = {"rvbbit.caller.id": f"sql-caller-{index}", "rvbbit.kind": "caller", "rvbbit.caller.origin": "sql"}
        spans.append(SpanRecord(next(number), attributes))
    # Times of their own, since the reports sort by them.
    return [replace(span, at=NOW + span.number * 1_000_000) for span in spans]


# What a bill and budgets are compared with, in every shape of the question that looks at another table.
EVER = {"begin": "2000-01-01 00:00:00", "end": "2100-01-01 00:00:00"}
MONEY: dict[str, dict[str, object]] = {
    "reconcile/ours.sql": {**EVER, "providers": [], "edge": 300, "named": 1},
    "budgets/spent.sql": {**EVER, "caller": "sql-%", "origin": "s%", "cascade": "c%", "model": "%", "metadata": "{}"},
}


def answers(database: EngineProcess | Engine) -> dict[str, list[tuple[object, ...]]]:
    """What every audit says, and every caller; rows in an order of their own, since not every report has one."""
    found = {}
    for audit in load_audits():
        values = {parameter.name: parameter.default for parameter in audit.parameters}
        found[audit.name] = database.query(f"{audit.sql.rstrip(';')}\nSETTINGS {READERS}", values).rows
    for file, values in MONEY.items():
        found[file] = database.query(f"{read(file)}\nSETTINGS {READERS}", values).rows
    found["callers"] = database.query("SELECT * FROM callers").rows
    return {name: sorted(rows, key=repr) for name, rows in found.items()}


# A column that a later version adds: as CONTRIBUTING says it.
ADDED = (
    Migration(
        901,
        "unified_logs_region",
        "-- Where it ran.\nALTER TABLE unified_logs ADD COLUMN IF NOT EXISTS region LowCardinality(String)\n",
    ),
    Migration(
        902,
        "unified_logs_region_mv",
        "ALTER TABLE unified_logs_mv MODIFY QUERY\n"
        + next(each for each in migrations.packaged() if each.name == "unified_logs_mv")
        .sql.split(" AS\n", 1)[1]
        .replace(
            "ServiceName AS service_name", "ServiceName AS service_name,\n    SpanAttributes['cloud.region'] AS region"
        ),
    ),
)


def test_every_statement_of_a_cluster_is_the_packaged_one_with_two_changes_and_the_engine_parses_it(
    store: Store,
) -> None:
    cluster = Cluster("c1", Nobody(), Nobody(), "front", "shard")
    for migration in (*migrations.packaged(), *ADDED):
        table = head(migration.sql).group("name")
        before = str(store.one(f"SELECT formatQuery({_literal(migration.sql)})")).splitlines()
        on_shard = cluster.replicated(on_cluster(migration.sql, "c1"), table)
        after = str(store.one(f"SELECT formatQuery({_literal(on_shard)})")).splitlines()
        changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
        expected = [(before[0], after[0])]
        assert after[0] == re.sub(rf"(?<= ){table}\b", f"{table} ON CLUSTER c1", before[0], count=1)
        engines = [line for line in before if re.fullmatch(r"ENGINE = \w*MergeTree", line)]
        path = f"('/clickhouse/tables/{{shard}}/shard/{table}', '{{replica}}')"
        expected += [(line, line.replace("= ", "= Replicated") + path) for line in engines]
        assert changed == expected
    for statement in STATEMENTS:
        assert "ON CLUSTER c1" in str(store.one("SELECT formatQuery({})".format(_literal(on_cluster(statement, "c1")))))


class Nobody:
    """A database that nobody may ask."""

    def command(self, sql: str, parameters: Mapping[str, object] | None = None) -> None:
        raise AssertionError(sql)

    def query(self, sql: str, parameters: Mapping[str, object] | None = None) -> Result:
        raise AssertionError(sql)


def test_every_file_for_the_front_is_parsed_by_the_engine_and_belongs_to_a_migration(store: Store) -> None:
    known = {f"{migration.version:04d}_{migration.name}.sql" for migration in migrations.packaged()}
    for file in sql_files("cluster"):
        text = str(store.one(f"SELECT formatQuery({_literal(text_of(file))})"))
        assert "ON CLUSTER `{cluster}`" in text
        assert file.name in known or file.name in ("databases.sql", "front_database.sql", "schema_migrations.sql")


def test_every_table_that_keeps_rows_or_is_written_to_from_outside_has_a_name_in_front() -> None:
    in_front = {file.name[5:-4] for file in sql_files("cluster") if file.name[0].isdigit()}
    makes = {head(each.sql).group("name"): each.sql for each in migrations.packaged()}
    keeps = {name for name, sql in makes.items() if re.search(r"^ENGINE = \w*MergeTree$", sql, re.M)}
    assert keeps | {"otel_traces_in", "otel_logs_in"} == in_front


def test_every_table_that_keeps_rows_has_a_proof_for_a_reshard_and_a_key_to_be_dealt_by(store: Store) -> None:
    fronts = [file for file in sql_files("cluster") if file.name[0].isdigit()]
    assert [file.name for file in fronts if "sipHash64(" not in text_of(file)] == []
    kept = {file.name[5:-4] for file in fronts if not file.name.endswith("_in.sql")}
    proofs = {file.name.removesuffix(".sql"): text_of(file) for file in sql_files("reshard/prove")}
    assert proofs.keys() == kept
    for sql in proofs.values():
        columns = store.engine.query(sql).columns
        assert columns[:3] == ("partition", "rows", "things")


def _literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def test_migrating_a_cluster_twice_changes_nothing_and_uses_the_same_book(node: EngineProcess, name: str) -> None:
    cluster = cluster_of(node, name)
    assert migrations.apply(cluster.front, cluster=cluster) == list(migrations.packaged())
    assert migrations.apply(cluster.front, cluster=cluster) == []
    assert node.at(name).rows("SELECT count() FROM schema_migrations") == [(len(migrations.packaged()),)]
    # Every statement names the cluster, or one node would have what the others lack.
    statements = [*cluster.front.seen, *cluster.shard.seen]  # type: ignore[attr-defined]
    assert [each for each in statements if " ON CLUSTER `one`" not in each and "INSERT INTO" not in each] == []


@pytest.mark.parametrize("bad", ["", "one`; DROP DATABASE x", "a b", "{cluster}", "x" * 65])
def test_a_name_that_is_no_clusters_name_is_refused_before_anything_is_asked(bad: str) -> None:
    dsn = "http://127.0.0.1:1/rvbbit"
    with pytest.raises(ConfigurationError, match="the cluster's name"):
        cluster_at(bad, dsn, ClickHouseDatabase(dsn))
    assert cluster_at("prod", dsn, ClickHouseDatabase(dsn)).shard_name == "rvbbit_shard"


def test_a_statement_that_has_no_place_on_a_cluster_yet_is_named() -> None:
    with pytest.raises(SchemaError, match=r"begins with 'RENAME TABLE a TO b'"):
        head("-- A change.\nRENAME TABLE a TO b")


def test_a_single_servers_schema_and_a_clusters_do_not_mix(node: EngineProcess, name: str) -> None:
    single = node.at(f"{name}_alone")
    migrations.apply(single)
    with pytest.raises(SchemaError, match="the schema of a single server: migrate a fresh database"):
        migrations.apply(single, cluster=cluster_of(node, name))

    class Replicated:
        def command(self, sql: str, parameters: Mapping[str, object] | None = None) -> None:
            raise AssertionError("nothing may be changed")

        def query(self, sql: str, parameters: Mapping[str, object] | None = None) -> Result:
            return Result(("x",), [("ReplicatedReplacingMergeTree",)] if "engine" in sql else [(0,)])

    with pytest.raises(SchemaError, match="the schema of a cluster: name it with --cluster"):
        migrations.apply(Replicated())


def test_through_distributed_tables_every_audit_says_what_a_single_server_says(
    node: EngineProcess, name: str, tmp_path: Path
) -> None:
    cluster = cluster_of(node, name)
    migrations.apply(cluster.front, cluster=cluster)
    migrations.apply(node.at(f"{name}_alone"))
    body = traces(*story())
    for database in (node.at(name), node.at(f"{name}_alone")):
        send(database, tmp_path, body, body)
    assert node.at(name).rows("SELECT count() FROM unified_logs") == [(124,)]
    assert answers(node.at(name)) == (alone := answers(node.at(f"{name}_alone")))
    assert [file for file in MONEY if not alone[file]] == []
    for text in board_queries():
        # A Distributed table has no parts: that panel looks at the node's own.
        if "system.parts" not in text:
            expanded = expand(text, Range(0, 2**31), {"caller": "sql-caller-1", "session": "", "trace_id": "x"})
            found = [
                database.rows(f"{expanded}\nSETTINGS {READERS}")
                for database in (node.at(name), node.at(f"{name}_alone"))
            ]
            if "now64" not in text:
                assert sorted(found[0], key=repr) == sorted(found[1], key=repr)
    assert repair(cluster.front, cluster) == repair(node.at(f"{name}_alone"))
    assert answers(node.at(name)) == answers(node.at(f"{name}_alone"))


def test_a_query_for_one_session_asks_one_shard(node: EngineProcess, name: str) -> None:
    # Both shards of `two` are this engine: what both are asked for counts twice.
    cluster = cluster_of(node, name, "two")
    migrations.apply(cluster.front, cluster=cluster)
    node.at(f"{name}_shard").command(
        "INSERT INTO unified_logs (timestamp, session_id, trace_id, span_id) SELECT now64(9), 's1', toString(number), 'x' FROM numbers(5)"
    )
    question = "SELECT count() FROM unified_logs WHERE session_id = 's1' SETTINGS optimize_skip_unused_shards = {}"
    assert node.at(name).rows(question.format(0)) == [(10,)]
    assert node.at(name).rows(question.format(1)) == [(5,)]


def test_a_callers_query_skips_granules_on_each_shard(store: Store) -> None:
    store.engine.command(
        "INSERT INTO unified_logs (timestamp, session_id, trace_id, span_id, caller_id) SELECT now64(9) - toIntervalSecond(number / 10),"
        " toString(intDiv(number, 20)), toString(number), 'x', concat('sql-', toString(intDiv(number, 20000))) FROM numbers(200000)"
    )
    plan = "\n".join(
        str(line)
        for (line,) in store.rows("EXPLAIN indexes = 1 SELECT count() FROM unified_logs WHERE caller_id = 'sql-3'")
    )
    skipped = re.search(r"Name: idx_caller_id.*?Granules: (\d+)/(\d+)", plan, re.S)
    assert skipped is not None
    assert int(skipped[1]) * 3 < int(skipped[2])


class Dealt:
    """Two databases that stand for shards, each with the statements of the shard database, and a front that deals out by the files' own keys."""

    def __init__(self, node: EngineProcess, name: str) -> None:
        self.front = node.at(name)
        self.shards = [node.at(f"{name}_shard"), node.at(f"{name}_alone")]
        clusters = [
            Cluster("one", WithoutKeeper(self.front), WithoutKeeper(each), name, each.name) for each in self.shards
        ]
        for each in clusters:
            each.run_shards(migrations.packaged())
        for migration in migrations.packaged():
            for statement in clusters[0].steps(migration).front:
                self._front(statement, clusters[0])
        clusters[0].open_front()

    def _front(self, statement: str, cluster: Cluster) -> None:
        table = head(statement).group("name")
        databases = [each.name for each in self.shards]
        if "Distributed(" not in statement:
            cluster.front.command(statement)
        elif table.endswith("_in"):
            (key,) = re.findall(r"sipHash64\(.*\)(?=\n\))", statement)
            self.front.command(f"CREATE TABLE {table} AS {databases[0]}.{table} ENGINE = Null")
            for index, database in enumerate(databases):
                self.front.command(
                    f"CREATE MATERIALIZED VIEW {table}_{index} TO {database}.{table} AS SELECT * FROM {table} WHERE {key} % 2 = {index}"
                )
        else:
            self.front.command(
                f"CREATE TABLE {table} AS {databases[0]}.{table} ENGINE = Merge(REGEXP('^({'|'.join(databases)})$'), '^{table}$')"
            )


def test_dealt_out_over_two_shards_a_session_meets_and_what_is_sent_again_is_known(
    node: EngineProcess, name: str, tmp_path: Path, store: Store
) -> None:
    dealt = Dealt(node, name)
    spans = story()
    send(dealt.front, tmp_path, traces(*spans))
    # Sent again in other batches, in another order.
    send(dealt.front, tmp_path, *(traces(*spans[start::5]) for start in range(5)), traces(*reversed(spans)))
    store.send(traces(*spans))

    def of_each(sql: str) -> list[list[tuple[object, ...]]]:
        return [shard.rows(sql) for shard in dealt.shards]

    for table in ("unified_logs", "session_facts"):
        sessions = [set(rows) for rows in of_each(f"SELECT DISTINCT session_id FROM {table}")]
        assert all(sessions)
        assert sessions[0] & sessions[1] == set()
        assert len(sessions[0] | sessions[1]) == 40
    for table, rows in (("unified_logs", 124), ("otel_traces", 132)):
        assert sum(int(str(found[0][0])) for found in of_each(f"SELECT count() FROM {table}")) == rows
    assert answers(dealt.front) == answers(store.engine)


def test_dealt_out_log_records_are_on_every_shard_and_each_is_there_once(
    node: EngineProcess, name: str, tmp_path: Path
) -> None:
    dealt = Dealt(node, name)
    # With a session; with neither session nor trace, as most of a library's own.
    records: list[tuple[str, dict[str, Value]]] = [
        (f"line {index}", {"session.id": f"s{index % 9}"}) for index in range(50)
    ]
    records += [(f"starting part {index}", {}) for index in range(50)]
    send(dealt.front, tmp_path, logs(records), logs(reversed(records)), logs(records[::3]), insert=logs_insert())
    of_each = [shard.rows("SELECT count(), countIf(session_id = '') FROM otel_logs") for shard in dealt.shards]
    ((whole_one, loose_one),), ((whole_two, loose_two),) = of_each
    assert (int(str(whole_one)) + int(str(whole_two)), int(str(loose_one)) + int(str(loose_two))) == (100, 50)
    assert min(int(str(each)) for each in (whole_one, whole_two)) > 20
    assert min(int(str(each)) for each in (loose_one, loose_two)) > 10
    sessions = [
        set(shard.rows("SELECT DISTINCT session_id FROM otel_logs WHERE session_id != ''")) for shard in dealt.shards
    ]
    assert (len(sessions[0] | sessions[1]), sessions[0] & sessions[1]) == (9, set())
