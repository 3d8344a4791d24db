"""Figure 19, of the commands: 50 payloads x 8 fields: control bytes printed 0, JSON equal. CSV is the SQL door's to write."""

from __future__ import annotations

import json
import re

import pytest

from rvbbit_otel.cli.output import print_json, print_table, records

FIELDS = ("caller_id", "session_id", "service", "sql", "stack trace", "cascade", "name", "key")
_PARTS = (
    "\x1b[31mred",
    "\x1b]0;title\x07",
    "\x9b2J",
    "a\nb",
    "a\r\nSet: 1",
    "\x00",
    "\x7f",
    "\x85",
    "\u202eevil",
    "\u2066x\u2069",
    "\u200f",
    "\u061c",
)
PAYLOADS = (
    *_PARTS,
    *(f"before {part} after" for part in _PARTS),
    *(f"<script>{part}</script>" for part in _PARTS),
    *("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "[bold]x[/bold]", "[link=http://x]y[/link]", "{0}", "%s", "\\x1b", "\ud83d", "é" * 300,
      "__proto__"),
)  # fmt: skip
_CONTROLS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def row(payload: str, place: int) -> list[str]:
    return [payload if number == place else "plain" for number in range(len(FIELDS))]


ROWS = [row(payload, place) for payload in PAYLOADS for place in range(len(FIELDS))]


def test_there_are_as_many_as_are_said() -> None:
    assert (len(PAYLOADS), len(FIELDS), len(ROWS)) == (50, 8, 400)


@pytest.mark.parametrize("width", [None, "60"])
def test_a_table_has_no_control_characters(
    width: str | None, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    if width is not None:
        monkeypatch.setenv("COLUMNS", width)
    printable = [each for each in ROWS if "\ud83d" not in each]
    print_table(FIELDS, printable)
    printed = capfd.readouterr().out
    assert _CONTROLS.findall(printed) == []
    # As many lines as rows, and what the table adds itself: no payload breaks one.
    assert width is not None or len([line for line in printed.splitlines() if "plain" in line]) == len(printable)


def test_names_of_columns_are_payloads_too(capfd: pytest.CaptureFixture[str]) -> None:
    for payload in PAYLOADS:
        if "\ud83d" not in payload:
            print_table((payload, "other"), [("a", "b")])
    assert _CONTROLS.findall(capfd.readouterr().out) == []


def test_json_is_equal_and_plain(capsys: pytest.CaptureFixture[str]) -> None:
    print_json(records(FIELDS, ROWS))
    printed = capsys.readouterr().out
    assert printed.isascii() and _CONTROLS.findall(printed) == []
    assert json.loads(printed) == [dict(zip(FIELDS, each, strict=True)) for each in ROWS]
