"""Every command's answer and exit status, against a store that serves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from tests.support.all_in_one import AllInOne, running_all_in_one
from tests.support.otlp import SpanRecord, row, traces

from rvbbit_otel.doctor import probe
from rvbbit_otel.storage.audits import load_audits
from rvbbit_otel.storage.client import ClickHouseDatabase

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


def test_an_audit_of_nothing_is_no_verdict(tmp_path: Path) -> None:
    nothing = "nothing was audited: unified_logs has no rows"
    with running_all_in_one(tmp_path / "data") as empty:
        for arguments in ([], ["rows-without-caller"], ["coverage"]):
            seen = run("audit", *arguments, "--dsn", empty.clickhouse)
            assert (seen.returncode, nothing in seen.stderr, "holds" in seen.stdout) == (2, True, False)
        seen = run("audit", "--dsn", empty.clickhouse, "--json")
        rules = [audit.name for audit in load_audits() if audit.is_rule]
        assert (seen.returncode, nothing in seen.stderr) == (2, True)
        assert json.loads(seen.stdout) == [
            {"audit": name, "kind": "rule", "holds": None, "rows": [], "nothing": "unified_logs has no rows"}
            for name in rules
        ]
        # A span without a session is no row; one that is refused breaks a rule all the same.
        send(empty, SpanRecord(1), SpanRecord(2, trace=b"short"))
        seen = run("audit", "--dsn", empty.clickhouse, "--json")
        verdicts = {each["audit"]: each["holds"] for each in json.loads(seen.stdout)}
        assert (seen.returncode, verdicts) == (1, {**dict.fromkeys(rules), "rejected-spans": False})
        send(empty, row(3, rvbbit__session__event="end"))
        assert run("audit", "rows-missing", "--dsn", empty.clickhouse).returncode == 0


def test_a_rule_over_a_time_without_rows_is_no_verdict(server: AllInOne) -> None:
    since = ("--dsn", server.clickhouse, "--param", "since=2100-01-01 00:00:00")
    seen = run("audit", "rows-without-caller", *since)
    assert (seen.returncode, seen.stdout) == (2, "no rows  rows-without-caller: Rows without a caller\n")
    assert "unified_logs has no rows since 2100-01-01 00:00:00" in seen.stderr


def test_every_rule_is_asked_of_the_time_that_is_named(server: AllInOne) -> None:
    dsn = ("--dsn", server.clickhouse)
    rules = [audit.name for audit in load_audits() if audit.is_rule]
    for time in (["--last", "1h"], ["--since", "2000-01-01 00:00:00"]):
        seen = run("audit", *time, *dsn)
        verdicts = [line for line in seen.stdout.splitlines() if line.startswith("holds ")]
        assert (seen.returncode, len(verdicts)) == (0, len(rules))
    later = run("audit", "--since", "2100-01-01 00:00:00", "--json", *dsn)
    nothing = "unified_logs has no rows since 2100-01-01 00:00:00 UTC"
    assert (later.returncode, nothing in later.stderr) == (2, True)
    assert [(each["audit"], each["holds"], each["nothing"]) for each in json.loads(later.stdout)] == [
        (name, None, nothing) for name in rules
    ]


def test_a_report_is_asked_of_the_time_that_is_named(server: AllInOne) -> None:
    send(server, row(7, "s7", "web-1", rvbbit__session__event="end"))
    asked = ("audit", "by-caller", "--json", "--dsn", server.clickhouse)
    (recent,) = json.loads(run(*asked, "--last", "1h").stdout)
    assert {"caller_id": "web-1", "row_count": 1, "session_count": 1} in recent["rows"]
    later = run(*asked, "--since", "2100-01-01 00:00:00")
    assert (later.returncode, json.loads(later.stdout)[0]["rows"]) == (0, [])


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


def test_doctor_walks_the_chain_and_follows_a_span_into_the_store(
    server: AllInOne, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.otlp_http)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer-hidden-word")
    finished = run("doctor", "--dsn", server.clickhouse, "--json")
    links = {link["name"]: link for link in json.loads(finished.stdout)}
    names = (
        "settings",
        "SDK",
        "instrumentation",
        "what leaves",
        "runner langgraph",
        "endpoint",
        "store",
        "schema",
        "probe",
    )
    assert {name: links[name]["state"] for name in names} == dict.fromkeys(names, "ok")
    probe = links["probe"]["details"]
    assert (probe["instrumented"], probe["processor"], probe["stamped"]) == (True, True, True)
    assert probe["unredacted"] == []
    assert 0 < probe["latency_ms"] < 15_000
    found = ClickHouseDatabase(server.clickhouse).query(
        "SELECT SpanName, caller_id LIKE 'doctor-%' FROM otel_traces WHERE TraceId = {trace:String}",
        {"trace": probe["trace_id"]},
    )
    assert found.rows == [("rvbbit-otel doctor", 1)]
    rows = ClickHouseDatabase(server.clickhouse).query(
        "SELECT count() FROM unified_logs WHERE caller_id LIKE 'doctor-%'"
    )
    assert rows.rows == [(0,)]
    assert "hidden-word" not in finished.stdout + finished.stderr


def test_a_probe_of_the_wrong_protocol_is_no_row_and_doctor_says_what_to_look_at(
    server: AllInOne, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "_ARRIVAL_SECONDS", 1.0)
    environ = {
        **os.environ,
        "OTEL_EXPORTER_OTLP_ENDPOINT": server.otlp_http,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
    }
    link = probe.probe(ClickHouseDatabase(server.clickhouse), environ, [])
    assert (link.state, "does OTEL_EXPORTER_OTLP_PROTOCOL fit" in link.remedy) == ("broken", True)


def test_doctor_says_what_is_broken_and_sends_nothing_where_nothing_would_arrive(server: AllInOne) -> None:
    down = run("doctor", "--dsn", "http://127.0.0.1:9", "--json")
    links = {link["name"]: link for link in json.loads(down.stdout)}
    assert down.returncode == 1
    assert "no store answers" in links["store"]["seen"]
    assert (links["probe"]["state"], "store would stop it" in links["probe"]["seen"]) == ("note", True)
    without = run("doctor", "--dsn", server.clickhouse, "--no-probe", "--json")
    assert "probe" not in {link["name"] for link in json.loads(without.stdout)}


def test_doctor_prints_each_key_that_is_redacted_and_the_hosts_that_get_baggage(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_PYTHON_RVBBIT_REDACT_KEYS", "app.note")
    monkeypatch.setenv("OTEL_PYTHON_RVBBIT_PROPAGATE_HOSTS", "a.org")
    monkeypatch.setenv("COLUMNS", "10000")
    seen = run("doctor", "--dsn", "http://127.0.0.1:9", "--no-probe").stdout
    for each in (
        "redacted: app.note; baggage to a.org",
        "gen_ai.*",
        "http.request.header.*",
        "... api_key",
        "url.full",
    ):
        assert each in seen


def test_doctor_looks_at_one_runner_hook_by_hook(tmp_path: Path) -> None:
    seen = run("doctor", "--runner", "langgraph")
    assert (seen.returncode, "16 of 16 hook" in seen.stdout, "run_with_retry" in seen.stdout) == (0, True, True)
    spec = tmp_path / "mine.toml"
    spec.write_text('name = "mine"\nmodule = "json"\n[[hooks]]\nrole = "log"\ntarget = "json:gone"\n')
    lost = run("doctor", "--runner-file", str(spec), "--json")
    (link,) = json.loads(lost.stdout)
    assert (lost.returncode, link["state"], link["details"]["hooks"][0]["lost"]) == (
        1,
        "broken",
        "log rows are not stored",
    )
    spec.write_text("name = ")
    wrong = run("doctor", "--runner-file", str(spec))
    assert (wrong.returncode, "mine.toml: it is no TOML" in wrong.stderr, "Traceback" in wrong.stderr) == (
        2,
        True,
        False,
    )


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
