"""Figures as words, trees of odd shapes, and reports about hostile names."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from rvbbit_otel.cli.output import Paint, colours
from rvbbit_otel.reporting import words
from rvbbit_otel.reporting.report import MOST_SHOWN, Report
from rvbbit_otel.reporting.tree import tree_of
from rvbbit_otel.storage.accounts import Line, Sums

BEGIN = datetime(2026, 1, 31, 18, tzinfo=timezone.utc)


def sums(rows: int = 1, cost: str = "0", unpriced: int = 0) -> Sums:
    zero = Decimal(0)
    return Sums(rows, 1, 1, 10, 5, 0, 0, Decimal(cost), Decimal(cost), zero, unpriced, 0, BEGIN, BEGIN)


@pytest.mark.parametrize(
    ("cost", "text"),
    [
        ("0", "$0.00"), ("12.3", "$12.30"), ("1234.567", "$1,234.57"), ("0.05", "$0.050"), ("0.00042", "$0.00042"),
        ("0.0000001234", "$0.00000012"), ("-0.002", "-$0.0020"), ("0.000000000001", "$0.000000000001"),
    ],
)  # fmt: skip
def test_dollars_keep_two_digits_that_say_something(cost: str, text: str) -> None:
    assert words.dollars(Decimal(cost)) == text
    assert words.dollars(Decimal(cost), 2) == f"at least {text}"


def test_numbers_times_and_shares_are_short_and_never_round_up_to_a_lie() -> None:
    assert [words.count(number) for number in (0, 999, 1000, 1234, 34_100, 999_600, 5_600_000)] == [
        "0", "999", "1.0k", "1.2k", "34k", "1.0M", "5.6M",
    ]  # fmt: skip
    assert [words.duration(each) for each in (0.4, 12, 3400, 125_000, 11_520_000)] == [
        "0.4 ms", "12 ms", "3.4 s", "2 min 5 s", "3 h 12 min",
    ]  # fmt: skip
    assert [words.coverage(*each) for each in ((5, 5), (999_999, 1_000_000), (0, 0), (1, 3))] == [
        "100 %", "99.99 %", "no rows", "33.33 %",
    ]  # fmt: skip


def row(span: str, session: str, parent: str = "", parent_session: str = "", **more: Any) -> dict[str, Any]:
    known = {
        "timestamp": BEGIN + timedelta(seconds=int(span)), "session_id": session, "parent_session_id": parent_session,
        "trace_id": "t", "span_id": span, "parent_id": parent, "kind": "log", "name": f"n{span}", "cell_name": "",
        "cost": Decimal(1), "duration_ms": Decimal(5), "error": "", "caller_source": "echo",
    }  # fmt: skip
    return {**known, **more}


def test_a_tree_has_every_row_once_whatever_points_to_whom() -> None:
    rows = [
        row("1", "a"), row("2", "a", "1"), row("3", "a", "9"), row("4", "a", "4"),
        row("5", "b", parent_session="c"), row("6", "c", parent_session="b"), row("7", "d", parent_session="a"),
    ]  # fmt: skip
    nodes = tree_of(rows)
    assert sorted(node.label for node in nodes if node.kind == "log") == [f"n{number}" for number in range(1, 8)]
    assert [(node.depth, node.label) for node in nodes if node.label in ("a", "n1", "n2", "n3", "n4", "d", "n7")] == [
        (0, "a"), (1, "n1"), (2, "n2"), (1, "n3"), (1, "n4"), (1, "d"), (2, "n7"),
    ]  # fmt: skip
    assert tree_of([]) == []


def test_a_deep_chain_is_no_recursion() -> None:
    rows = [row(str(number), "a", str(number - 1)) for number in range(5000)]
    assert tree_of(rows)[-1].depth == 5000


def test_hostile_names_stay_text_in_every_form() -> None:
    name = "<script>alert(1)</script>|`x`\n=1+1"
    made = Report(
        "all rows",
        [Line(name, "sql", sums()), Line("=cmd", "", sums())],
        [Line(name, "", sums())],
        [Line(name, name, sums())],
        [("rule", False)],
    )
    assert "<script" not in made.as_html()
    markdown = made.as_markdown()
    assert ("<script>" in markdown, "\\<script\\>alert(1)\\</script\\>\\|\\`x\\`?=1+1" in markdown) == (False, True)
    assert "\n'=cmd," in made.as_csv()
    assert made.summary == "2 callers; $0.00; coverage 100 %; unattributed 0 rows; broken rules: rule"


def test_a_report_of_nothing_says_so_and_one_of_many_says_what_is_left_out() -> None:
    nothing = Report("all rows", [], [], [], [("rule", None)])
    assert nothing.summary == "0 callers; $0.00; coverage no rows; unattributed 0 rows; nothing to hold"
    assert ("no rows" in nothing.as_html(), nothing.as_csv()) == (True, "caller_id,origin\r\n")
    many = Report("all rows", [Line(f"c{number}", "", sums()) for number in range(MOST_SHOWN + 3)], [], [], [])
    assert "3 more callers: they are in the JSON and CSV forms." in many.as_markdown()
    assert len(many.as_json()["callers"]) == MOST_SHOWN + 3


def test_colours_are_for_terminals_only(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Paint(True).bad("x") == "\x1b[31mx\x1b[0m"
    assert Paint(False).bad("x") == Paint(False).strong("x") == "x"
    assert colours().on is False
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    for name, value in (("NO_COLOR", "1"), ("TERM", "dumb")):
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.delenv("NO_COLOR", raising=False)
        assert colours().on is True
        monkeypatch.setenv(name, value)
        assert colours().on is False
