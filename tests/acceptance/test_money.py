"""`reconcile`, `budgets` and `audit --budgets` against a store that serves, as their pages say, word for word."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path

import grpc
import pytest
from tests.support.all_in_one import AllInOne, running_all_in_one
from tests.support.otlp import SpanRecord, Value, traces

from rvbbit_otel.storage.reconcile import REASONS

PAGES = Path(__file__).parents[2] / "docs" / "how-to"
# The pages tell of this day, and the store takes what is at most 90 days old.
TOLD = "2026-11-02"
DAY = datetime.now(timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=2)


def call(number: int, caller: str, model: str, tokens_in: int, tokens_out: int, cost: str) -> SpanRecord:
    said: dict[str, Value] = {
        "rvbbit.caller.id": caller,
        "rvbbit.caller.source": "explicit",
        "session.id": f"s{number}",
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": model,
    }
    if tokens_in:
        said |= {
            "gen_ai.usage.input_tokens": tokens_in,
            "gen_ai.usage.output_tokens": tokens_out,
            "gen_ai.usage.cost": cost,
        }
    return SpanRecord(number, said, at=int((DAY + timedelta(hours=12)).timestamp()) * 10**9)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AllInOne]:
    spans = (
        call(1, "web-1", "gpt-4o", 1200, 300, "0.006"),
        call(2, "web-1", "gpt-4o", 0, 0, ""),
        call(3, "cron-1", "gpt-4o-mini", 100, 20, "0.000027"),
    )
    with running_all_in_one(tmp_path_factory.mktemp("money") / "data") as running:
        send(running, *spans)
        yield running


def send(server: AllInOne, *spans: SpanRecord) -> None:
    with grpc.insecure_channel(server.otlp_grpc) as channel:
        channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")(traces(*spans))


class Page:
    """One page, with the day that it tells of put in a recent place."""

    def __init__(self, name: str) -> None:
        text = (
            (PAGES / name)
            .read_text()
            .replace("2026-11-03", f"{DAY + timedelta(days=1):%Y-%m-%d}")
            .replace(TOLD, f"{DAY:%Y-%m-%d}")
        )
        self.text = text.replace("2026-11-01", f"{DAY:%Y-%m}-01")

    def blocks(self, language: str) -> list[str]:
        return re.findall(rf"```{language}\n(.*?)```", self.text, re.DOTALL)


def run(
    folder: Path, server: AllInOne, *arguments: str, environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "rvbbit_otel", *arguments, "--dsn", server.clickhouse]
    # As in a pipe: nothing is cut.
    clean = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "RVBBIT_OTEL_BUDGETS")}
    return subprocess.run(
        command, cwd=folder, env=clean | dict(environ or {}), capture_output=True, text=True, timeout=60, check=False
    )


def lines(shown: str) -> list[str]:
    """Each line that says something, however wide its columns are; titles and rules are left out."""
    found = [" ".join(line.split()) for line in shown.splitlines()]
    return [line for line in found if line and not line.startswith(("─", "What differs", "Rows of ours"))]


def test_the_page_about_a_bill_shows_what_the_command_says(server: AllInOne, tmp_path: Path) -> None:
    page = Page("reconcile-with-a-bill.md")
    (bill,), (command,), (shown,) = (page.blocks(language) for language in ("csv", "sh", "text"))
    (tmp_path / "bill.csv").write_text(bill)
    seen = run(tmp_path, server, *command.split()[1:])
    assert (seen.returncode, seen.stderr) == (1, "")
    assert lines(seen.stdout) == lines(shown)
    answer = json.loads(run(tmp_path, server, "reconcile", "bill.csv", "--json").stdout)
    assert (answer["equal"], answer["compared"], [line["difference"] for line in answer["differing"]]) == (
        False,
        2,
        [{"calls": -1, "tokens_in": -300, "tokens_out": -100, "cost": "-0.002000000000"}],
    )


def test_what_is_equal_is_exit_status_zero_and_what_can_not_be_read_is_two(server: AllInOne, tmp_path: Path) -> None:
    (tmp_path / "bill.csv").write_text(
        f"day,model,tokens_in,cost\n{DAY:%Y-%m-%d},gpt-4o,1200,0.006\n{DAY:%Y-%m-%d},gpt-4o-mini,100,0.000027\n"
    )
    (tmp_path / "broken.csv").write_text("day,model,cost\n2026-11-01,m,much\n")
    equal = run(tmp_path, server, "reconcile", "bill.csv", "--provider", "generic")
    assert (equal.returncode, equal.stdout.endswith(": 2 compared, 0 differ\n")) == (0, True)
    for arguments, said in (
        (["broken.csv"], "broken.csv, line 2, cost is 'much': it has to be a number"),
        (["none.csv"], "none.csv can't be read"),
        (["bill.csv", "--provider", "openai"], "bill.csv is of generic, not of openai"),
        (["bill.csv", "--since", "2020-01-01", "--until", "2020-01-02"], "nothing of what --since and --until ask for"),
        (["bill.csv", "--tolerance", "-1"], "it has to be 0 or more dollars"),
    ):
        seen = run(tmp_path, server, "reconcile", *arguments)
        assert (seen.returncode, seen.stdout, said in seen.stderr, "Traceback" in seen.stderr) == (2, "", True, False)


def test_every_reason_is_on_the_page() -> None:
    named = re.findall(r"^\| `([a-z-]+)` \|", (PAGES / "reconcile-with-a-bill.md").read_text(), re.MULTILINE)
    assert sorted(named) == sorted(REASONS)


def test_the_page_about_budgets_shows_what_the_commands_say(server: AllInOne, tmp_path: Path) -> None:
    page = Page("budgets.md")
    (file,), (report, audit), (shown,), (posted,) = (
        page.blocks(language) for language in ("toml", "sh", "text", "json")
    )
    (tmp_path / "budgets.toml").write_text(file)
    seen = run(tmp_path, server, *report.split()[1:], "--at", f"{DAY:%Y-%m-%d}")
    assert (seen.returncode, lines(seen.stdout)) == (1, lines(shown))
    # Without a state nothing is sent, and that is said.
    assert (
        seen.stderr
        == "rvbbit-otel: no webhook was called: --state FILE has to keep which were, so that each is called once\n"
    )
    (tmp_path / "budgets.toml").write_text(file.replace('per = "day" ', "#").replace("webhook", "# webhook", 1))
    broken = run(tmp_path, server, *audit.split()[1:])
    assert (broken.returncode, "BROKEN  budgets: Budgets that are over" in broken.stdout, broken.stderr) == (
        1,
        True,
        "",
    )
    (finding,) = [
        each
        for each in json.loads(run(tmp_path, server, *audit.split()[1:], "--json").stdout)
        if each["audit"] == "budgets"
    ]
    assert (finding["holds"], [(each["budget"], each["spent"], each["tokens"]) for each in finding["rows"]]) == (
        False,
        [("web, a day", "$0.006", 1500)],
    )
    answer = json.loads(run(tmp_path, server, *report.split()[1:], "--json").stdout)
    assert [(each["budget"], each["state"], each["dollars"], each["dollars_limit"]) for each in answer] == [
        ("web, a day", "over", "0.006", "0.005"),
        ("search team, a month", "within", "0", "250"),
    ]
    assert set(json.loads(posted)) - {"text"} <= set(answer[0])


def test_budgets_that_hold_are_a_rule_that_holds_and_a_wrong_file_is_an_error(server: AllInOne, tmp_path: Path) -> None:
    (tmp_path / "budgets.toml").write_text('[[budget]]\nname = "all"\ndollars = 1\n')
    assert (
        "holds   budgets: Budgets that are over" in run(tmp_path, server, "audit", "--budgets", "budgets.toml").stdout
    )
    assert run(tmp_path, server, "budgets", "budgets.toml").returncode == 0
    assert "budgets" not in run(tmp_path, server, "audit").stdout
    both = run(tmp_path, server, "audit", "coverage", "--budgets", "budgets.toml")
    assert (both.returncode, "--budgets goes with all rules" in both.stderr) == (2, True)
    # A file that the environment names is for all rules, and says nothing to one of them by its name.
    named = run(tmp_path, server, "audit", "coverage", environ={"RVBBIT_OTEL_BUDGETS": "none.toml"})
    assert (named.returncode, named.stderr) == (0, "")
    assert run(tmp_path, server, "audit", environ={"RVBBIT_OTEL_BUDGETS": "none.toml"}).returncode == 2
    (tmp_path / "budgets.toml").write_text('[[budget]]\nname = "all"\n')
    for arguments in (["audit", "--budgets", "budgets.toml"], ["budgets", "budgets.toml"]):
        wrong = run(tmp_path, server, *arguments)
        assert (wrong.returncode, wrong.stdout) == (2, "")
        assert (
            wrong.stderr
            == "rvbbit-otel: budgets.toml, budget 1 (all): there is neither `dollars` nor `tokens`, so that it limits nothing\n"
        )


def test_a_store_without_rows_is_no_verdict_and_one_call_is(tmp_path: Path) -> None:
    (tmp_path / "budgets.toml").write_text('[[budget]]\nname = "all"\ndollars = 1\n')
    (tmp_path / "bill.csv").write_text(f"day,model,cost\n{DAY:%Y-%m-%d},gpt-4o,1\n")
    with running_all_in_one(tmp_path / "data") as empty:
        seen = run(tmp_path, empty, "budgets", "budgets.toml")
        assert (seen.returncode, "nothing was spent that is known" in seen.stderr) == (2, True)
        # A bill beside an empty store is a difference.
        assert run(tmp_path, empty, "reconcile", "bill.csv").returncode == 1
        # With one call that is within its budget and on the bill all is well; over it, one thing is not.
        send(empty, call(1, "web-1", "gpt-4o", 10, 4, "1"))
        for arguments in (
            ["reconcile", "bill.csv"],
            ["budgets", "budgets.toml"],
            ["audit", "--budgets", "budgets.toml"],
        ):
            seen = run(tmp_path, empty, *arguments)
            assert (seen.returncode, seen.stderr) == (0, ""), seen.stdout
        (tmp_path / "budgets.toml").write_text('[[budget]]\nname = "all"\ndollars = 0.999999999999\n')
        for arguments in (["budgets", "budgets.toml"], ["audit", "--budgets", "budgets.toml"]):
            assert run(tmp_path, empty, *arguments).returncode == 1
