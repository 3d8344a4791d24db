"""Each framework whose spec is shipped is told of on the page and driven as published."""

from __future__ import annotations

import pytest
from tests.frameworks.known import FRAMEWORKS
from tests.support.files import ROOT

from rvbbit_otel.instrumentation.runners import SHIPPED
from rvbbit_otel.instrumentation.spec.model import RunnerSpec

# What has a page and tests of its own: the published runner, the example, a graph, and the database that runs UDFs.
APART = {"lars", "small_rvbbit", "langgraph", "duckdb"}
SPECS = [spec for spec in SHIPPED if spec.name not in APART]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_a_spec_is_on_the_page(spec: RunnerSpec) -> None:
    page = (ROOT / "docs/how-to/frameworks.md").read_text(encoding="utf-8").lower()
    name = spec.name.replace("_", "-")
    assert any(f"| {each}" in page for each in (name, name.replace("-", ""), name.replace("-", " "))), name


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_a_spec_is_tried_with_the_package_as_published(spec: RunnerSpec) -> None:
    name = spec.name.replace("_", "-")
    known = {each.name: each for each in FRAMEWORKS}
    assert name in known, f"a pin in tests/frameworks/known.py, which has {sorted(known)}"
    assert (ROOT / "tests/frameworks/programs" / f"{known[name].program}.py").is_file()
