"""The page about what leaves says what is true: each of its examples runs."""

from __future__ import annotations

import re

import pytest
from tests.unit.test_docs import DOCS

from rvbbit_otel.redaction.text import LONGEST_UNKNOWN
from rvbbit_otel.settings import Settings

PAGE = (DOCS / "explanation" / "what-leaves.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_the_page_has_examples() -> None:
    assert len(EXAMPLES) == 4


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_an_example_of_the_page_holds(number: int) -> None:
    exec(compile(EXAMPLES[number], f"example {number}", "exec"), {})


def test_the_lengths_of_the_page_are_those_of_the_code() -> None:
    assert (f"{LONGEST_UNKNOWN:,} characters" in PAGE, f"{Settings().content_limit:,} characters" in PAGE) == (
        True,
        True,
    )
