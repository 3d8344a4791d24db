"""Every command's answer and exit status, against a store that serves."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from tests.support.all_in_one import AllInOne, running_all_in_one
from tests.support.otlp import row, traces

COMMAND = [sys.executable, "-m", "rvbbit_otel"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AllInOne]:
    with running_all_in_one(tmp_path_factory.mktemp("commands") / "data") as running:
        send(running, row(1, rvbbit__session__event="end"), row(2, "s2", rvbbit__session__event="end"))
        yield running


def send(server: AllInOne, *rows: object) -> None:
    with grpc.insecure_channel(server.otlp_grpc) as channel:
        channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")(traces(*rows))  # type: ignore[arg-type]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=60, check=False)


def test_audit_says_that_every_rule_holds_then_names_what_breaks_one_then_repair_mends_it(server: AllInOne) -> None:
    holds = run("audit", "--dsn", server.clickhouse)
    assert (holds.returncode, "BROKEN" in holds.stdout) == (0, False)
    send(server, row(3, "s3", ""))
    send(server, row(4, "s3", rvbbit__session__event="end"))
    broken = run("audit", "--dsn", server.clickhouse)
    assert broken.returncode == 1
    assert "BROKEN  rows-without-caller" in broken.stdout
    assert "what to do:" in broken.stdout
    (finding,) = json.loads(run("audit", "rows-without-caller", "--dsn", server.clickhouse, "--json").stdout)
    assert (finding["holds"], [(each["session_id"], each["rows"]) for each in finding["rows"]]) == (False, [("s3", 1)])
    assert run("repair", "--dsn", server.clickhouse).stdout == "1 rows got their caller; 0 rows have none still\n"
    assert run("audit", "--dsn", server.clickhouse).returncode == 0


def test_a_report_prints_its_rows_and_takes_parameters(server: AllInOne) -> None:
    seen = run("audit", "coverage", "--dsn", server.clickhouse, "--param", "since=2100-01-01 00:00:00", "--json")
    assert (seen.returncode, json.loads(seen.stdout)) == (
        0,
        [{"audit": "coverage", "kind": "report", "holds": True, "rows": []}],
    )
    assert "echo" in run("audit", "coverage", "--dsn", server.clickhouse).stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["audit", "nope"], "there is no audit 'nope'"),
        (["audit", "--dsn", "http://127.0.0.1:9"], "no store answers at 127.0.0.1:9"),
        (["audit", "--dsn", "ftp://secret:word@x"], "the DSN's scheme is 'ftp'"),
        (["audit", "coverage", "--param", "since"], "is not NAME=VALUE"),
        (["run", "--", "no-such-program-anywhere"], "no-such-program-anywhere"),
        (["run", "--endpoint", "nonsense", "--", sys.executable], "endpoint 'nonsense'"),
    ],
)
def test_what_can_not_be_done_is_one_clear_line_and_exit_status_two(arguments: list[str], said: str) -> None:
    finished = run(*arguments)
    assert (finished.returncode, said in finished.stderr, "Traceback" in finished.stderr) == (2, True, False)
    assert "secret:word" not in finished.stderr


def test_migrate_of_a_store_that_is_up_to_date_says_so(server: AllInOne) -> None:
    assert run("migrate", "--dsn", server.clickhouse).stdout == "up to date\n"
    assert json.loads(run("migrate", "--dry-run", "--dsn", server.clickhouse, "--json").stdout) == []


def test_doctor_walks_the_chain(server: AllInOne) -> None:
    links = {
        link["name"]: link["state"] for link in json.loads(run("doctor", "--dsn", server.clickhouse, "--json").stdout)
    }
    assert {
        name: links[name] for name in ("settings", "SDK", "instrumentation", "endpoint", "store", "schema")
    } == dict.fromkeys(("settings", "SDK", "instrumentation", "endpoint", "store", "schema"), "ok")
    down = run("doctor", "--dsn", "http://127.0.0.1:9")
    assert (down.returncode, "no store answers" in down.stdout) == (1, True)


@pytest.mark.parametrize("status", [0, 3])
def test_run_passes_the_exit_status_on(server: AllInOne, status: int) -> None:
    assert (
        run("run", "--endpoint", server.otlp_http, "--", sys.executable, "-c", f"raise SystemExit({status})").returncode
        == status
    )


def test_run_refuses_a_mistyped_setting_before_it_starts_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_PYTHON_RVBBIT_CONTNET", "full")
    marker = tmp_path / "ran"
    finished = run("run", "--", sys.executable, "-c", f"open({str(marker)!r}, 'w')")
    assert (finished.returncode, marker.exists()) == (2, False)
    assert "OTEL_PYTHON_RVBBIT_CONTNET is no setting" in finished.stderr
