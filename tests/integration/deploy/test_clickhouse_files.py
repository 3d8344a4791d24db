"""Users, grants, tiers and lifetimes: parsed by the engine, and run by it where it can.

Run here: what each user's grants allow and refuse, as grants of the engine's one user; tiers and lifetimes. Only parsed: CREATE USER, ROLE, QUOTA and
SETTINGS PROFILE, for which the embedded engine has no place to keep them.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
from tests.conftest import Store
from tests.support.engine_process import EngineProcess, EngineProcessError, running_engine
from tests.support.files import ROOT, statements
from tests.support.grafana import Range, board_queries, expand
from tests.support.otlp import NOW

from rvbbit_otel.storage import migrations
from rvbbit_otel.storage.audits import load_audits
from rvbbit_otel.storage.cluster import Cluster
from rvbbit_otel.storage.database import Result

USERS = ROOT / "clickhouse" / "users"
TIERED = ROOT / "clickhouse" / "tiered"
CLUSTER = ROOT / "clickhouse" / "cluster"
DENIED = r"\(ACCESS_DENIED\)"


@pytest.mark.parametrize(
    "path",
    sorted([*USERS.glob("*.sql"), *TIERED.glob("*.sql"), *CLUSTER.glob("*.sql")]),
    ids=lambda path: str(path.stem),
)
def test_every_statement_is_one_that_the_engine_can_parse(store: Store, path: Path) -> None:
    found = statements(path)
    assert len(found) >= 5
    for statement in found:
        assert store.engine.query("SELECT formatQuery({sql:String})", {"sql": statement}).rows != [("",)]


def test_no_password_stands_in_a_file_and_each_one_is_handed_over_by_the_script() -> None:
    text = "".join(path.read_text() for path in sorted(USERS.glob("*.sql")))
    bound = re.findall(r"IDENTIFIED WITH sha256_password BY \{(\w+):String\}", text)
    assert len(bound) == text.count("CREATE USER") == 3
    script = (USERS / "apply.sh").read_text()
    assert re.findall(r"--param_(\w+)=\"\$\{RVBBIT_\w+:\?\}\"", script) == bound


def test_what_switches_the_engines_own_deduplication_off_is_what_this_version_of_it_listens_to(store: Store) -> None:
    newer = USERS / "since_26_2" / "10_deduplicate_insert.sql"
    (statement,) = statements(newer)
    assert store.engine.query("SELECT formatQuery({sql:String})", {"sql": statement}).rows != [("",)]
    old = re.findall(r"insert_deduplicate = 0", (USERS / "10_collector.sql").read_text())
    new = re.findall(r"deduplicate_insert = 'disable'", statement)
    assert (len(old), len(new)) == (1, 1)
    store.engine.command(
        "CREATE TABLE seen (a UInt8) ENGINE = MergeTree ORDER BY a SETTINGS non_replicated_deduplication_window = 100"
    )
    # One block twice, as it is sent again after its rows were lost: it has to be there again.
    stored = []
    for settings in (old[0], f"{old[0]}, {new[0]}"):
        store.engine.command("TRUNCATE TABLE seen")
        for _ in range(2):
            store.engine.command(f"INSERT INTO seen SETTINGS {settings} VALUES (1)")
        stored.append(store.one("SELECT count() FROM seen"))
    assert stored == [1, 2]
    # The script takes the newer file for servers that know it, and that is what compose runs.
    script = (USERS / "apply.sh").read_text()
    assert "since_26_2/*.sql" in script
    (image,) = set(re.findall(r"clickhouse/clickhouse-server:(\d+\.\d+)", (ROOT / "docker-compose.yml").read_text()))
    assert [int(part) for part in image.split(".")] >= [26, 2]


@pytest.mark.parametrize(
    ("version", "files"),
    [("25.10.3.9", []), ("26.1.9.1", []), ("26.2.1.1", ["since"]), ("26.10.1.1", ["since"]), ("27.1.1.1", ["since"])],
)
def test_the_script_decides_by_the_servers_version(tmp_path: Path, version: str, files: list[str]) -> None:
    client = tmp_path / "clickhouse-client"
    client.write_text(f'#!/bin/bash\ncase "$*" in *version*) echo {version};; *) head -n 1 >>{tmp_path}/seen;; esac\n')
    client.chmod(0o755)
    passwords = {f"RVBBIT_{name}_PASSWORD": "x" for name in ("COLLECTOR", "AUDITOR", "GRAFANA")}
    subprocess.run(
        ["bash", str(USERS / "apply.sh")], check=True, env={"PATH": f"{tmp_path}:/usr/bin:/bin", **passwords}
    )
    seen = (tmp_path / "seen").read_text().splitlines()
    assert len(seen) == len(list(USERS.glob("*.sql"))) + len(files)
    assert ["since" for line in seen if "26.2" in line and "only" in line] == files


def test_inserts_and_questions_of_a_cluster_go_to_the_same_replica() -> None:
    for name in ("10_collector.sql", "20_audits.sql", "30_grafana.sql"):
        text = (USERS / name).read_text()
        assert "load_balancing = 'in_order'" in text
        assert "prefer_localhost_replica = 0" in text


def test_every_view_that_fills_a_table_has_rights_of_its_own() -> None:
    made = [
        re.search(r"^CREATE MATERIALIZED VIEW IF NOT EXISTS (\w+)", each.sql, re.M) for each in migrations.packaged()
    ]
    assert statements(USERS / "00_views.sql") == [
        f"ALTER TABLE rvbbit.{view[1]} MODIFY SQL SECURITY NONE" for view in made if view is not None
    ]


def test_on_a_cluster_each_view_is_named_where_the_migration_puts_it() -> None:
    cluster = Cluster("c", Nowhere(), Nowhere(), "rvbbit", "rvbbit_shard")
    wanted = []
    for migration in migrations.packaged():
        if view := re.search(r"^CREATE MATERIALIZED VIEW IF NOT EXISTS (\w+)", migration.sql, re.M):
            place = "rvbbit_shard" if cluster.steps(migration).shard else "rvbbit"
            wanted.append(f"ALTER TABLE {place}.{view[1]} ON CLUSTER '{{cluster}}' MODIFY SQL SECURITY NONE")
    assert statements(CLUSTER / "00_views.sql") == wanted


class Nowhere:
    """A database that nobody asks."""

    def command(self, sql: str, parameters: Mapping[str, object] | None = None) -> None:
        raise AssertionError(sql)

    def query(self, sql: str, parameters: Mapping[str, object] | None = None) -> Result:
        raise AssertionError(sql)


def grants_of(path: Path) -> str:
    """The grants of a file as the configuration of the engine's one user takes them."""
    found = [re.fullmatch(r"(GRANT .+ ON \S+) TO \w+", each) for each in statements(path)]
    return "".join(f"<query>{escape(each[1])}</query>" for each in found if each is not None)


def users(grants: str) -> str:
    return (
        "<clickhouse><profiles><default/></profiles><quotas><default/></quotas><users><default><password/><networks><ip>::/0</ip></networks>"
        f"<profile>default</profile><quota>default</quota><grants>{grants}</grants></default></users></clickhouse>"
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A store with one span and one log record, in the database that the files name."""
    with running_engine(tmp_path, limited(tmp_path, "<query>GRANT ALL ON *.*</query>")) as engine:
        engine.command("CREATE DATABASE rvbbit")
        migrations.apply(engine.at("rvbbit"))
        for statement in statements(USERS / "00_views.sql"):
            engine.command(statement)
        put_in(engine, "1")
        assert engine.at("rvbbit").rows("SELECT session_id FROM unified_logs") == [("s1",)]
    return tmp_path


def put_in(engine: EngineProcess, span: str) -> None:
    engine.command(
        "INSERT INTO rvbbit.otel_traces_in (Timestamp, TraceId, SpanId, SpanAttributes)"
        f" SELECT fromUnixTimestamp64Nano({NOW}), repeat('a', 32), repeat('{span}', 16), map('session.id', 's1', 'rvbbit.caller.id', 'sql-fox')"
    )
    engine.command("INSERT INTO rvbbit.otel_logs_in (Timestamp, Body) SELECT now64(9), 'hello'")


def limited(folder: Path, grants: str) -> str:
    """Configuration in which the engine's one user has these grants."""
    file = folder / "users.xml"
    file.write_text(users(grants), encoding="utf-8")
    return f"<users_config>{file}</users_config><user_directories><users_xml><path>{file}</path></users_xml></user_directories>"


def test_the_collector_can_insert_into_the_landing_tables_and_do_nothing_else(folder: Path) -> None:
    with running_engine(folder, limited(folder, grants_of(USERS / "10_collector.sql"))) as whole:
        engine = whole.at("rvbbit")
        # What clickhouse-go asks first, and what it asks before a batch over HTTP.
        assert engine.rows("SELECT displayName() != '', version() != '', revision() > 0, timezone() != ''")
        assert len(engine.rows("DESCRIBE TABLE rvbbit.otel_traces_in")) == 22
        assert len(engine.rows("DESCRIBE TABLE rvbbit.otel_logs_in")) == 16
        put_in(engine, "1")
        put_in(engine, "2")
        for refused in (
            "SELECT count() FROM rvbbit.unified_logs",
            "SELECT SpanId FROM rvbbit.otel_traces_in",
            "INSERT INTO rvbbit.unified_logs (session_id) SELECT 's2'",
            "INSERT INTO rvbbit.spans_in (session_id) SELECT 's2'",
            "DROP TABLE rvbbit.otel_traces_in",
            "ALTER TABLE rvbbit.unified_logs DELETE WHERE 1",
            "CREATE TABLE rvbbit.x (a Int8) ENGINE = Null",
            "SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'a String')",
        ):
            with pytest.raises(EngineProcessError, match=DENIED):
                engine.command(refused)
    with running_engine(folder) as engine:
        # The second span, and the first one once: the guard looked into tables that the collector can't read.
        assert engine.rows("SELECT span_id FROM rvbbit.unified_logs ORDER BY span_id") == [("1" * 16,), ("2" * 16,)]


@pytest.mark.parametrize("name", ["20_audits.sql", "30_grafana.sql"])
def test_those_who_read_can_ask_every_audit_and_change_nothing(folder: Path, name: str) -> None:
    with running_engine(folder, limited(folder, grants_of(USERS / name))) as engine:
        for audit in load_audits():
            engine.at("rvbbit").query(audit.sql, {each.name: each.default for each in audit.parameters})
        if name == "30_grafana.sql":
            for text in board_queries():
                engine.at("rvbbit").query(
                    expand(text, Range(0, 2**31), {"caller": "c", "session": "", "trace_id": "t"})
                )
        for refused in (
            "INSERT INTO rvbbit.otel_traces_in (TraceId) SELECT 'x'",
            "ALTER TABLE rvbbit.unified_logs DELETE WHERE 1",
            "OPTIMIZE TABLE rvbbit.unified_logs FINAL",
            "SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'a String')",
            "DROP DATABASE rvbbit",
        ):
            with pytest.raises(EngineProcessError, match=DENIED):
                engine.command(refused)


def test_whole_days_move_to_the_cold_volume_after_a_week_and_reports_read_both(tmp_path: Path) -> None:
    shipped = (TIERED / "storage.xml").read_text()
    inner = shipped[shipped.index("<storage_configuration>") : shipped.index("</clickhouse>")]
    inner = inner.replace("/var/lib/clickhouse-cold/", f"{tmp_path}/cold/")
    with running_engine(tmp_path, inner) as engine:
        migrations.apply(engine)
        for statement in statements(TIERED / "tiered.sql"):
            engine.command(statement)
        engine.command(
            "INSERT INTO otel_traces_in (Timestamp, TraceId, SpanId, SpanAttributes)"
            " SELECT now64(9) - toIntervalDay(number * 20), repeat('a', 32), leftPad(toString(number), 16, '0'), map('session.id', 's1')"
            " FROM numbers(2)"
        )
        assert engine.rows(
            "SELECT table, disk_name, sum(rows) FROM system.parts WHERE active AND table IN ('otel_traces', 'unified_logs') GROUP BY ALL ORDER BY ALL"
        ) == [
            ("otel_traces", "cold", 1),
            ("otel_traces", "default", 1),
            ("unified_logs", "cold", 1),
            ("unified_logs", "default", 1),
        ]
        assert engine.rows("SELECT count() FROM unified_logs") == [(2,)]


def test_lifetimes_can_be_shortened_with_rows_in_place(store: Store) -> None:
    kept = {
        "unified_logs": 92,
        "session_facts": 92,
        "caller_facts": 92,
        "otel_traces": 7,
        "otel_traces_trace_id_ts": 7,
        "otel_logs": 7,
    }
    for statement in statements(TIERED / "retention.sql"):
        store.engine.command(statement)
    for table, days in kept.items():
        made = store.one(
            f"SELECT create_table_query FROM system.tables WHERE database = '{store.name}' AND name = '{table}'"
        )
        assert f"toIntervalDay({days})" in str(made)
