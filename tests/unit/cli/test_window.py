from __future__ import annotations

import time

import click
import pytest
from click.testing import CliRunner

from rvbbit_otel.cli import cli, window
from rvbbit_otel.storage.audits import load_audits

OPTION = click.Option(["--time"])
CONTEXT = click.Context(click.Command("audit"))


def test_a_moment_is_in_utc_whatever_zone_this_machine_is_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        found = window.since(CONTEXT, OPTION, "2026-01-31 18:00:00")
        assert found is not None
        assert (found.value, found.text) == ("1769882400", "2026-01-31 18:00:00 UTC")
        before = time.time()
        recent = window.last(CONTEXT, OPTION, "2h")
        assert recent is not None
        assert int(before) - 7200 <= int(recent.value) <= int(time.time()) - 7200
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(("value", "seconds"), [("90s", 90), ("30m", 1800), ("24h", 86400), ("7d", 604800)])
def test_a_length_of_time_has_one_of_four_units(value: str, seconds: int) -> None:
    before = int(time.time())
    found = window.last(CONTEXT, OPTION, value)
    assert found is not None
    assert before - seconds <= int(found.value) <= int(time.time()) - seconds


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--last", "24"], "'24' is no length of time; one reads like 90s, 30m, 24h or 7d"),
        (["--last", "0h"], "'0h' is no length of time"),
        (["--last", "-1h"], "'-1h' is no length of time"),
        (["--last", "1w"], "'1w' is no length of time"),
        (["--last", "1.5h"], "'1.5h' is no length of time"),
        (["--last", "99999999d"], "'99999999d' goes back to before 1970"),
        (["--last", "999999999999d"], "'999999999999d' is no length of time"),
        (["--since", "yesterday"], "'yesterday' is no moment; one reads like '2026-01-31 18:00:00', in UTC"),
        (["--since", "2026-01-31"], "'2026-01-31' is no moment"),
        (["--since", "2026-02-30 00:00:00"], "'2026-02-30 00:00:00' is no moment"),
        (["--since", "1960-01-01 00:00:00"], "'1960-01-01 00:00:00' is not between 1970 and 2106"),
        (["--since", "2200-01-01 00:00:00"], "'2200-01-01 00:00:00' is not between 1970 and 2106"),
        (["--since", "2026-01-31 18:00:00", "--last", "1h"], "give one of them"),
        (["coverage", "--last", "1h", "--param", "since=2026-01-01 00:00:00"], "give one of them"),
    ],
)
def test_what_is_no_time_is_a_clear_error_before_anything_is_asked(arguments: list[str], said: str) -> None:
    finished = CliRunner().invoke(cli, ["audit", *arguments, "--dsn", "http://127.0.0.1:9"])
    assert finished.exit_code == 2
    assert said in " ".join(finished.output.split())


def test_the_list_says_what_each_audit_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    listed = CliRunner().invoke(cli, ["audit", "--list"]).output
    (line,) = [line for line in listed.splitlines() if " sessions-never-ended " in line]
    assert line.split("ended", 1)[1].split() == [
        "rule",
        "Sessions",
        "that",
        "never",
        "ended",
        "idle_seconds,",
        "since,",
        "until",
    ]
    untimed = [line.split()[0] for line in listed.splitlines() if "no time: it looks at all rows" in line]
    assert untimed == [audit.name for audit in load_audits() if not audit.has_window]
