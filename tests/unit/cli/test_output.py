from __future__ import annotations

import pytest

from rvbbit_otel.cli.output import print_table

LONG = "package.module:" + "Class." * 40 + "method"


def test_in_a_pipe_a_table_cuts_nothing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    print_table(("target", "state"), [(LONG, "matched")])
    assert [line.split() for line in capsys.readouterr().out.splitlines() if "Class" in line] == [[LONG, "matched"]]


def test_a_stated_width_is_kept(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    print_table(("target", "state"), [(LONG, "matched")])
    assert {len(line) <= 60 for line in capsys.readouterr().out.splitlines()} == {True}
