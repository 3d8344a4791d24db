"""docs/performance.md says what benchmarks/results.json says, about benchmarks that exist."""

from __future__ import annotations

import importlib.util
import json
import re

import pytest
from benchmarks import page
from benchmarks.__main__ import ALL


def test_the_page_is_the_one_that_the_results_make() -> None:
    assert page.PAGE.read_text(encoding="utf-8") == page.render(json.loads(page.RESULTS.read_text(encoding="utf-8")))


def test_the_results_are_of_every_benchmark() -> None:
    assert [result["benchmark"] for result in json.loads(page.RESULTS.read_text(encoding="utf-8"))] == list(ALL)


def test_every_benchmark_that_the_page_names_exists() -> None:
    named = set(re.findall(r"python -m benchmarks ([a-z]+)", page.PAGE.read_text(encoding="utf-8")))
    assert named == set(ALL)
    assert [name for name in named if importlib.util.find_spec(f"benchmarks.{name}") is None] == []


@pytest.mark.parametrize(("met", "shown"), [(True, "yes"), (False, "**no**")])
def test_a_limit_that_is_not_met_stands_out(met: bool, shown: str) -> None:
    row = {
        "case": "c",
        "figure": 2.0,
        "unit": "ms",
        "baseline": 1.0,
        "ratio": 2.0,
        "spread": 0.0,
        "limit": 1.5,
        "met": met,
    }
    result = {
        "benchmark": "udf",
        "machine": {"cores": 2, "processor": "x"},
        "versions": {"python": "3"},
        "rows": [row],
        "size": "short",
        "rounds": 5,
        "seconds": 1,
    }
    assert f"| c | 2 | 1 | ms | 2 ± 0 | 1.5 | {shown} |" in page.render([result])
