"""The page of clients says what their tests count."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.clients.counts import COUNTS

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "clients.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("client", COUNTS)
def test_a_client_s_row_says_how_many_checks_it_makes(client: str) -> None:
    (count,) = re.findall(rf"^\| {re.escape(client)}[^|]*\| (\d+)", PAGE, re.MULTILINE)
    assert int(count) == COUNTS[client]


def test_no_client_has_a_row_and_no_test() -> None:
    table = PAGE[: PAGE.index("Not served:")]
    assert len(re.findall(r"^\| [^|]+\| \d+", table, re.MULTILINE)) == len(COUNTS)
