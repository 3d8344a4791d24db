"""What the engine may do at all: asked on the writing connection, with the gate and `readonly` out of the way."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rvbbit_otel.all_in_one.engine.engine import Engine
from rvbbit_otel.all_in_one.engine.error import EngineError
from rvbbit_otel.all_in_one.options import Options
from rvbbit_otel.errors import ConfigurationError

DENIED = 497
OPEN = """
import sys
from pathlib import Path
from rvbbit_otel.all_in_one.engine.engine import Engine
from rvbbit_otel.all_in_one.options import Options

engine = Engine(Options(Path(sys.argv[1])))
try:
    print(engine.query("SHOW GRANTS").rows)
finally:
    engine.close()
"""


@pytest.mark.figure(15)
@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
        "DESCRIBE url('http://127.0.0.1:1/')",
        "SELECT * FROM remote('127.0.0.1:1', system.one)",
        "SELECT * FROM mysql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
        "SELECT * FROM postgresql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
        "SELECT * FROM mongodb('127.0.0.1:1', 'a', 'b', 'c', 'd', 'x Int8')",
        "SELECT * FROM redis('127.0.0.1:1', 'k', 'k String')",
        "SELECT * FROM s3('http://bucket.s3.amazonaws.com/a', 'LineAsString')",
        "SELECT * FROM sqlite('/etc/hostname', 't')",
        "INSERT INTO FUNCTION file('planted.csv', 'CSV', 'x UInt8') SELECT 1",
        "CREATE TABLE hostile (x UInt8) ENGINE = File(CSV)",
        "CREATE TABLE hostile (x UInt8) ENGINE = URL('http://127.0.0.1:1', CSV)",
        "CREATE DATABASE hostile ENGINE = Filesystem('/')",
        "CREATE DATABASE hostile ENGINE = SQLite('/etc/hostname')",
        "CREATE DICTIONARY hostile (k UInt64) PRIMARY KEY k SOURCE(NULL()) LAYOUT(FLAT()) LIFETIME(0)",
        "CREATE FUNCTION hostile AS x -> x",
        "CREATE NAMED COLLECTION hostile AS a = 1",
        "CREATE USER hostile",
        "GRANT ALL ON *.* TO default",
        "SYSTEM SHUTDOWN",
    ],
)
def test_even_the_writer_has_no_leave_for_what_the_store_never_does(engine: Engine, sql: str) -> None:
    with pytest.raises(EngineError) as refused:
        engine.command(sql)
    assert refused.value.code == DENIED, str(refused.value)


def test_a_table_is_not_backed_up_to_a_file(engine: Engine) -> None:
    engine.command("CREATE TABLE kept (x UInt8) ENGINE = MergeTree ORDER BY x")
    try:
        with pytest.raises(EngineError) as refused:
            engine.command("BACKUP TABLE kept TO File('planted')")
        assert refused.value.code == DENIED
    finally:
        engine.command("DROP TABLE kept")


def test_what_the_store_does_is_granted(engine: Engine) -> None:
    for statement in (
        "CREATE DATABASE granted",
        "CREATE TABLE granted.a (x UInt8) ENGINE = MergeTree ORDER BY x",
        "CREATE TABLE granted.b (x UInt8) ENGINE = MergeTree ORDER BY x",
        "CREATE MATERIALIZED VIEW granted.a_mv TO granted.b AS SELECT x FROM granted.a",
        "INSERT INTO granted.a VALUES (1), (2)",
        "ALTER TABLE granted.b ADD COLUMN y UInt8 DEFAULT 5",
        "ALTER TABLE granted.b UPDATE y = 7 WHERE x = 1 SETTINGS mutations_sync = 2",
        "ALTER TABLE granted.b DELETE WHERE x = 2 SETTINGS mutations_sync = 2",
        "OPTIMIZE TABLE granted.b FINAL",
        "KILL QUERY WHERE query_id = 'nobody' SYNC",
    ):
        engine.command(statement)
    try:
        assert engine.query("SELECT x, y FROM granted.b").rows == [(1, 7)]
        engine.command("TRUNCATE TABLE granted.b")
    finally:
        engine.command("DROP DATABASE granted")


@pytest.mark.parametrize("name", ["plain", "with space", "per%20cent", "plus+", "hash#", "equals=", "<tag>'\"", "é"])
def test_grants_hold_whatever_the_folder_is_called(tmp_path: Path, name: str) -> None:
    # chDB takes one store a process, so each in its own.
    finished = subprocess.run(
        [sys.executable, "-c", OPEN, str(tmp_path / name)], capture_output=True, text=True, timeout=60, check=True
    )
    assert "GRANT" in finished.stdout
    assert "SOURCES" not in finished.stdout
    assert (tmp_path / name / "store").is_dir()


def test_an_edit_of_the_grants_does_not_outlast_a_start(tmp_path: Path) -> None:
    for _ in range(2):
        finished = subprocess.run(
            [sys.executable, "-c", OPEN, str(tmp_path / "data")], capture_output=True, text=True, timeout=60, check=True
        )
        assert "BACKUP" not in finished.stdout
        users = tmp_path / "data" / "users.xml"
        users.write_text(users.read_text().replace("GRANT SELECT", "GRANT BACKUP, SELECT"))


def test_a_folder_whose_name_would_cut_the_address_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="has & in its path"):
        Options(tmp_path / "this&that")
