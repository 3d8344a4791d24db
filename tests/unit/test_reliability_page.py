"""docs/reliability.md has every figure, names tests that exist, and all of those that are marked as showing one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
_SECTION = re.compile(r"^### (\d+)\. (.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)
SECTIONS = {int(number): text for number, text in _SECTION.findall(PAGE)}
NAMED = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
MARKED = re.compile(r"mark\.figure\(([\d, ]+)\)")


def test_every_figure_has_its_place() -> None:
    assert list(SECTIONS) == list(range(1, 26))


@pytest.mark.parametrize("number", range(1, 26))
def test_a_figure_says_what_must_hold_what_shows_it_and_what_was_seen(number: int) -> None:
    for word in ("**Must hold:**", "**Shown by:**", "**Seen:**"):
        assert SECTIONS[number].count(word) == 1, word


def test_every_test_that_the_page_names_exists() -> None:
    assert [
        (file, name)
        for file, name in NAMED.findall(PAGE)
        if not (ROOT / file).is_file() or (name and f"def {name}(" not in (ROOT / file).read_text(encoding="utf-8"))
    ] == []


def test_every_file_with_a_test_that_is_marked_is_named_at_its_figure() -> None:
    missing = [
        (number, str(file.relative_to(ROOT)))
        for file in sorted((ROOT / "tests").rglob("test_*.py"))
        for numbers in MARKED.findall(file.read_text(encoding="utf-8"))
        for number in map(int, numbers.split(","))
        if f"`{file.relative_to(ROOT)}" not in SECTIONS[number]
    ]
    assert missing == []
