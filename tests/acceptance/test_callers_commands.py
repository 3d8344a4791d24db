"""show, trace, tail and report against a store that serves: what they print, their JSON by its schema, their exit status."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from tests.support.otlp import NOW, SpanRecord, Value, row, traces

import rvbbit_otel
from rvbbit_otel.cli.callers import arriving
from rvbbit_otel.storage.client import ClickHouseDatabase
from rvbbit_otel.testing import Store, running_store

SCHEMAS = Path(__file__).parents[2] / "docs" / "reference" / "json"
HOSTILE = "<b>\x1b[31m|`"
CALL: dict[str, Value] = {
    "rvbbit__kind": "llm",
    "rvbbit__usage__counted": True,
    "rvbbit__usage__cost": 0.25,
    "gen_ai__usage__input_tokens": 1200,
    "gen_ai__usage__output_tokens": 20,
    "gen_ai__request__model": "gpt-x",
}


def send(store: Store, *spans: SpanRecord) -> None:
    import urllib.request

    request = urllib.request.Request(
        f"{store.otlp_http}/v1/traces", data=traces(*spans), headers={"Content-Type": "application/x-protobuf"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 200


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with running_store(tmp_path_factory.mktemp("callers")) as running:
        root = SpanRecord(
            0,
            {
                "rvbbit.kind": "caller",
                "rvbbit.caller.id": "sql-fox",
                "rvbbit.caller.origin": "sql",
                "rvbbit.caller.metadata": '{"sql_query": "SELECT 1"}',
            },
        )
        send(
            running,
            root,
            row(1, "s1", rvbbit__kind="cascade", rvbbit__cascade__id="extract", rvbbit__session__event="end"),
            row(2, "s1", at=NOW + 10**9, **CALL),  # type: ignore[arg-type]
            row(3, "s2", at=NOW + 2 * 10**9, rvbbit__session__parent_id="s1", rvbbit__session__event="end"),
            row(4, "s9", "web-1", rvbbit__session__event="end"),
            SpanRecord(
                5, {"session.id": "lost", "rvbbit.caller.source": "none", "rvbbit.session.event": "end"}, HOSTILE
            ),
        )
        yield running


def run(store: Store, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "rvbbit_otel", *arguments, "--dsn", store.dsn]
    return subprocess.run(command, env={**os.environ, **environ}, capture_output=True, text=True, check=False)


def checked(name: str, text: str) -> Any:
    value = json.loads(text)
    jsonschema.validate(value, json.loads((SCHEMAS / f"{name}.schema.json").read_text()))
    return value


def test_show_says_one_sentence_and_its_sessions_and_models(store: Store) -> None:
    seen = run(store, "show", "sql-fox")
    assert (seen.returncode, seen.stderr) == (0, "")
    lines = seen.stdout.splitlines()
    assert lines[0].startswith("sql-fox  sql  20")
    assert lines[1:3] == ["SELECT 1", "3 rows, 2 sessions, 1 call to models, $0.25; known how: echo 3"]
    told = checked("show", run(store, "show", "sql-fox", "--json").stdout)
    assert (told["sums"]["rows"], told["sums"]["cost"], told["metadata"]) == (
        3,
        "0.250000000000",
        {"sql_query": "SELECT 1"},
    )
    assert [session["session_id"] for session in told["sessions"]] == ["s1", "s2"]
    assert "\x1b" not in seen.stdout


def test_a_caller_without_rows_is_an_error_that_says_what_to_do(store: Store) -> None:
    for command in ("show", "trace"):
        seen = run(store, command, "nobody-1")
        assert (seen.returncode, seen.stdout) == (2, "")
        assert "there is no row of caller nobody-1; `rvbbit-otel report` lists the callers" in seen.stderr
        assert run(store, command, "").returncode == 2


def test_trace_is_a_tree_over_sessions_with_time_cost_and_source(store: Store) -> None:
    nodes = checked("trace", run(store, "trace", "sql-fox", "--json").stdout)
    assert [(node["depth"], node["kind"], node["label"], node["at_ms"], node["source"]) for node in nodes] == [
        (0, "session", "s1", 0.0, ""),
        (1, "cascade", "log", 0.0, "echo"),
        (1, "llm", "log", 1000.0, "echo"),
        (1, "session", "s2", 2000.0, ""),
        (2, "span", "log", 2000.0, "echo"),
    ]
    assert [node["cost"] for node in nodes][:3] == ["0.250000000000", "0.000000000000", "0.250000000000"]
    text = run(store, "trace", "sql-fox").stdout.splitlines()
    assert text[2].split() == ["+", "1.0", "s", "1.0", "ms", "$0.25", "echo", "llm", "log"]


def test_tail_prints_each_row_once_as_it_arrives(store: Store) -> None:
    lines = run(store, "tail", "--last", "1d", "--once", "--json").stdout.splitlines()
    rows = [checked("tail", line) for line in lines]
    assert sorted(row["session_id"] for row in rows) == ["lost", "s1", "s1", "s2", "s9"]
    only = run(store, "tail", "--last", "1d", "--once", "--caller", "web-1").stdout.splitlines()
    assert (len(only), "  web-1  echo  s9  " in only[0]) == (1, True)
    late = [row(7, "s7", "late-1", rvbbit__session__event="end"), row(8, "s7", "late-1")]

    def pause() -> None:
        if not late:
            raise KeyboardInterrupt
        send(store, late.pop(0))

    found = []
    with pytest.raises(KeyboardInterrupt):
        for each in arriving(ClickHouseDatabase(store.dsn), "late-1", NOW // 10**9 - 3600, pause):
            found.append(each["span_id"])
    assert sorted(found) == [f"{number:016x}" for number in (8, 9)]


def test_a_report_adds_up_in_every_form(store: Store, tmp_path: Path) -> None:
    made = checked("report", run(store, "report", "--json").stdout)
    by_name = {line["caller_id"]: line["rows"] for line in made["callers"]}
    assert (by_name["sql-fox"], by_name["web-1"], by_name[""]) == (3, 1, 1)
    assert sum(by_name.values()) == made["rows"] == sum(line["rows"] for line in made["sources"])
    assert made["rows_attributed"] == made["rows"] - 1
    assert "unattributed 1 row, $0.00" in made["summary"]
    csv = run(store, "report", "--format", "csv").stdout.splitlines()
    assert (csv[0].split(",")[:3], len(csv)) == (["caller_id", "origin", "rows"], len(by_name) + 1)
    file = tmp_path / "report.html"
    done = run(store, "report", "--format", "html", "--output", str(file))
    page = file.read_text()
    assert "is written: " in done.stderr
    assert (page.count("<tr><td>") >= 4, "http" in page.split("<!doctype", 1)[1].replace("http-equiv", "")) == (
        True,
        False,
    )
    assert (
        "| sql-fox | sql | 3 | 2 | 1 | 1.2k in, 20 out | $0.25 | 0 |"
        in run(store, "report", "--format", "markdown").stdout
    )
    terminal = run(store, "report", "--last", "1d")
    assert "(nobody)" in terminal.stdout
    one = checked("report", run(store, "report", "--json", "--caller", "web-1").stdout)
    assert ([line["caller_id"] for line in one["callers"]], one["rules"]) == (["web-1"], [])


def test_a_report_with_a_broken_rule_ends_with_1_and_names_it(store: Store) -> None:
    seen = run(store, "report")
    assert (seen.returncode, "BROKEN  rows-without-caller: rvbbit-otel audit rows-without-caller" in seen.stdout) == (
        1,
        True,
    )
    told = checked("report", run(store, "report", "--json").stdout)
    assert {"rule": "rows-without-caller", "holds": False} in told["rules"]


def test_a_caller_goes_to_a_file_that_sqlite_opens_and_from_it_to_another_store_once(
    store: Store, tmp_path: Path
) -> None:
    file = tmp_path / "fox.sqlite"
    told = json.loads(run(store, "export", "sql-fox", "--output", str(file), "--json").stdout)
    assert {name: told["rows"][name] for name in ("unified_logs", "session_state", "callers", "spans")} == {
        "unified_logs": 3, "session_state": 2, "callers": 1, "spans": 4,
    }  # fmt: skip
    with contextlib.closing(sqlite3.connect(file)) as opened:
        assert opened.execute("SELECT session_id, cost FROM unified_logs WHERE cost > 0").fetchall() == [("s1", 0.25)]
        assert opened.execute("SELECT value FROM about WHERE name = 'caller_id'").fetchall() == [("sql-fox",)]
        assert ("rows-without-caller", 0) in opened.execute("SELECT name, holds FROM audits").fetchall()
    again = run(store, "export", "sql-fox", "--output", str(file))
    assert (again.returncode, "is there already" in again.stderr) == (2, True)
    with running_store(tmp_path / "other") as other:
        for _ in range(2):
            done = run(other, "import", str(file))
            assert (done.returncode, done.stdout) == (0, "4 spans of sql-fox were sent: rvbbit-otel show sql-fox\n"), (
                done.stderr
            )
        here, there = (json.loads(run(each, "show", "sql-fox", "--json").stdout) for each in (store, other))
        assert other.broken_rules() == {}
    assert here == there


def test_what_can_not_be_exported_or_imported_says_why(store: Store, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database, and longer than the header of one" * 9)
    with contextlib.closing(sqlite3.connect(tmp_path / "later")) as later:
        later.execute("CREATE TABLE about (name, value)")
        later.execute("INSERT INTO about VALUES ('format', 'rvbbit-otel caller 9')")
        later.commit()
    cases = {
        ("export", "nobody-1", "--output", str(tmp_path / "x")): "there is no row of caller nobody-1",
        ("export", "../etc"): "caller id '../etc' is not",
        ("export", "sql-fox", "--output", str(tmp_path / "no" / "x")): "can't be written",
        ("import", str(tmp_path / "absent")): "absent is not there",
        ("import", str(tmp_path / "text")): "is no file of `rvbbit-otel export`",
        ("import", str(tmp_path / "later")): "has the format 'rvbbit-otel caller 9'",
    }
    for arguments, said in cases.items():
        seen = run(store, *arguments)
        assert (seen.returncode, said in seen.stderr) == (2, True), (arguments, seen.stderr)
    assert not (tmp_path / "x").exists()


def test_watch_says_what_is_broken_once_and_ends_by_a_signal(store: Store, tmp_path: Path) -> None:
    once = run(store, "watch", "--once", "--json")
    assert (once.returncode, once.stderr) == (1, "")
    said = [json.loads(line) for line in once.stdout.splitlines()]
    assert {"rule": "rows-without-caller", "before": None, "now": "broken"}.items() <= said[0].items()
    command = [sys.executable, "-m", "rvbbit_otel", "watch", "--every", "1s", "--dsn", store.dsn]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watching:
        assert watching.stdout is not None
        first = watching.stdout.readline()
        watching.terminate()
        rest = watching.stdout.read()
    assert (watching.returncode, "rule rows-without-caller is broken" in first, "rows-without-caller" in rest) == (
        0,
        True,
        False,
    )
    away = subprocess.run(
        [*command[:4], "--once", "--dsn", "http://127.0.0.1:9"], capture_output=True, text=True, check=False
    )
    assert (away.returncode, "the store does not answer: no store answers at 127.0.0.1:9" in away.stdout) == (2, True)


def test_a_notebook_shows_one_caller_and_all_with_rows_for_a_data_frame(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RVBBIT_OTEL_DSN", store.dsn)
    one = rvbbit_otel.report("sql-fox")
    assert repr(one) == "sql-fox: 3 rows, 2 sessions, 1 call to models, $0.25; known how: echo 3"
    page = one._repr_html_()
    assert ("<pre>SELECT 1</pre>" in page, "<script" in page, len(one.rows)) == (True, False, 3)
    assert list(one.frame["span_id"]) == [row["span_id"] for row in one.rows]
    every = rvbbit_otel.report(last=timedelta(days=1))
    assert {"sql-fox", "web-1", ""} <= set(every.frame["caller_id"])
    assert "<table>" in every._repr_html_()
    with pytest.raises(rvbbit_otel.ConfigurationError, match="there is no row of caller nobody-1, all rows"):
        rvbbit_otel.report("nobody-1")
