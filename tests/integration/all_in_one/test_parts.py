"""A part of the store that is damaged when it starts is told of everywhere, and its files are kept."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.all_in_one import AllInOne, running_all_in_one
from tests.support.otlp import row, traces
from tests.support.programs import until

from rvbbit_otel.storage.client import ClickHouseDatabase

# Enough for parts whose columns are worth a flipped byte.
ROWS = 2000  # So that data is most of a part: what the engine notes of columns it can do without.


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A store with three parts in each table, stopped."""
    data = tmp_path_factory.mktemp("whole") / "data"
    with running_all_in_one(data) as server:
        for number in range(3):
            body = traces(
                *(row(ROWS * number + each, f"s{each % 7}", f"sql-{each % 7}") for each in range(ROWS)),
                service=f"runner-{number}",
            )
            headers = {"Content-Type": "application/x-protobuf"}
            asked = urllib.request.Request(f"{server.otlp_http}/v1/traces", body, headers)
            urllib.request.urlopen(asked, timeout=60).close()
            # A question waits for what is answered, so each is an insert of its own, and parts of its own.
            ClickHouseDatabase(server.clickhouse).query("SELECT 1")
    yield data


def parts_of(data: Path, table: str) -> list[Path]:
    link = data / "store" / "data" / "default" / table
    folder = (link.parent / link.readlink()).resolve()
    return sorted(each for each in folder.iterdir() if each.is_dir() and each.name != "detached")


def largest(part: Path) -> Path:
    return max(part.iterdir(), key=lambda each: each.stat().st_size)


def cut(part: Path) -> None:
    file = largest(part)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def gone(part: Path) -> None:
    largest(part).unlink()


def emptied(part: Path) -> None:
    for file in part.iterdir():
        file.write_bytes(b"")


def flipped(eighth: int) -> Callable[[Path], None]:
    """Sixteen bytes are changed, so many eighths into the file: some places the engine looks at when it opens a part, some only when it reads it."""

    def flip(part: Path) -> None:
        file = largest(part)
        content = bytearray(file.read_bytes())
        at = len(content) * eighth // 8
        content[at : at + 16] = bytes(each ^ 0x5A for each in content[at : at + 16])
        file.write_bytes(bytes(content))

    return flip


HARM = {"cut": cut, "a file gone": gone, "emptied": emptied} | {
    f"flipped at {eighth}/8": flipped(eighth) for eighth in (1, 3, 5, 6, 7)
}


def health(server: AllInOne) -> Any:
    with urllib.request.urlopen(f"{server.otlp_http}/healthz", timeout=30) as response:
        assert response.status == 200
        return json.loads(response.read())


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "rvbbit_otel", *arguments], capture_output=True, text=True, timeout=120, check=False
    )


def test_a_whole_store_is_not_said_to_be_damaged(whole: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(whole, data, symlinks=True)
    with running_all_in_one(data) as server:
        until("all parts are read", lambda: health(server)["parts_checked"])
        assert (health(server)["status"], health(server)["parts_set_aside"]) == ("serving", [])
        assert "DAMAGED" not in server.log()
        seen = run("audit", "parts-set-aside", "--dsn", server.clickhouse)
        assert (seen.returncode, seen.stdout) == (
            0,
            "holds   parts-set-aside: Parts of tables that are not read any more\n",
        )


@pytest.mark.parametrize("harm", HARM)
def test_a_damaged_part_is_told_by_the_log_the_health_the_doctor_and_every_audit(
    whole: Path, tmp_path: Path, harm: str
) -> None:
    data = tmp_path / "data"
    shutil.copytree(whole, data, symlinks=True)
    part = parts_of(data, "unified_logs")[-1]
    HARM[harm](part)
    with running_all_in_one(data) as server:
        until("all parts are read", lambda: health(server)["parts_checked"])
        seen = health(server)
        assert (seen["status"], [each["in_table"] for each in seen["parts_set_aside"]]) == ("damaged", ["unified_logs"])
        assert seen["parts_set_aside"][0]["part"].endswith(part.name)
        (line,) = [each for each in server.log().splitlines() if "DAMAGED" in each]
        assert f"{part.name} of unified_logs" in line
        with urllib.request.urlopen(f"{server.otlp_http}/metrics", timeout=30) as response:
            assert "\nrvbbit_otel_parts_set_aside 1\n" in response.read().decode()
        database = ClickHouseDatabase(server.clickhouse)
        assert database.query("SELECT count(), sum(ignore(*)) FROM unified_logs").rows == [(2 * ROWS, 0)]
        rule = run("audit", "parts-set-aside", "--dsn", server.clickhouse, "--json")
        assert (rule.returncode, json.loads(rule.stdout)[0]["rows"]) == (1, seen["parts_set_aside"])
        assert run("audit", "--dsn", server.clickhouse).returncode == 1
        for name in ("coverage", "rows-without-caller"):
            other = run("audit", name, "--dsn", server.clickhouse)
            assert (other.returncode, "not all was audited: the rows of 1 damaged parts" in other.stderr) == (2, True)
        links = json.loads(run("doctor", "--no-probe", "--json", "--dsn", server.clickhouse).stdout)
        (link,) = [each for each in links if each["name"] == "parts"]
        assert (link["state"], "unified_logs" in link["seen"]) == ("broken", True)
    kept = [each for each in part.parent.joinpath("detached").iterdir() if each.name.endswith(part.name)]
    assert len(kept) == 1


def test_what_was_in_a_part_that_is_set_aside_can_be_sent_again_and_it_is_over_when_the_files_are_moved_away(
    whole: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    shutil.copytree(whole, data, symlinks=True)
    part = parts_of(data, "unified_logs")[-1]
    cut(part)
    body = traces(
        *(row(ROWS * 2 + each, f"s{each % 7}", f"sql-{each % 7}") for each in range(ROWS)), service="runner-2"
    )
    with running_all_in_one(data) as server:
        headers = {"Content-Type": "application/x-protobuf"}
        urllib.request.urlopen(
            urllib.request.Request(f"{server.otlp_http}/v1/traces", body, headers), timeout=60
        ).close()
        counted = "SELECT count(), uniqExact(span_id) FROM unified_logs"
        assert ClickHouseDatabase(server.clickhouse).query(counted).rows == [(3 * ROWS, 3 * ROWS)]
    (kept,) = (part.parent / "detached").iterdir()
    shutil.move(kept, tmp_path / kept.name)
    with running_all_in_one(data) as server:
        assert health(server)["status"] == "serving"
        assert run("audit", "--dsn", server.clickhouse).returncode == 0


def test_every_table_is_looked_at(whole: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(whole, data, symlinks=True)
    tables = sorted(
        link.name
        for link in (data / "store" / "data" / "default").iterdir()
        if parts_of(data, link.name) and link.name != "schema_migrations"
    )
    assert {"otel_traces", "unified_logs", "session_facts"} <= set(tables)
    for table in tables:
        flipped(7)(parts_of(data, table)[-1])
    with running_all_in_one(data) as server:
        until("all parts are read", lambda: health(server)["parts_checked"])
        assert [each["in_table"] for each in health(server)["parts_set_aside"]] == tables
