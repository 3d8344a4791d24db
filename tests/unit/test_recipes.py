"""The recipes of CONTRIBUTING, followed in a copy of the project: with all steps the checks pass, and without one of them they don't."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.files import ROOT

PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
Step = Callable[[Path], None]


def put(file: str, before: str, text: str) -> Step:
    """The step that puts a text in front of the first place where `before` stands; at the end of the file if that is empty."""

    def step(copy: Path) -> None:
        whole = (copy / file).read_text(encoding="utf-8")
        at = whole.index(before) if before else len(whole)
        (copy / file).write_text(whole[:at] + text + whole[at:], encoding="utf-8")

    return step


def new(file: str, text: str) -> Step:
    """The step that makes a file."""

    def step(copy: Path) -> None:
        (copy / file).write_text(text, encoding="utf-8")

    return step


SPEC = """\"\"\"An example.\"\"\"

from rvbbit_otel.instrumentation.spec.model import Hook, Role, RunnerSpec

SPEC = RunnerSpec(name="example", module="example", hooks=(Hook(Role.TOOL, "example:tool", {"name": "literal:tool"}),))
"""
AUDIT = """-- name: example-report
-- kind: report
-- title: An example
-- finding: A row.
-- remedy: None.
SELECT 1
"""
RECIPES: dict[str, tuple[tuple[str, ...], dict[str, Step]]] = {
    "A setting": (
        ("tests/unit/test_docs.py::test_every_setting_is_in_the_reference_with_its_default",),
        {
            "src/rvbbit_otel/settings.py": put(
                "src/rvbbit_otel/settings.py", "    content: Content = ", "    example: bool = False\n"
            ),
            "docs/reference/settings.md": put(
                "docs/reference/settings.md",
                "| `OTEL_PYTHON_RVBBIT_CONTENT` |",
                "| `OTEL_PYTHON_RVBBIT_EXAMPLE` | `false` | an example |\n",
            ),
        },
    ),
    "An attribute": (
        ("tests/unit/test_docs.py::test_every_attribute_is_in_the_reference", "tests/unit/redaction/test_rules.py"),
        {
            "src/rvbbit_otel/attributes.py": put(
                "src/rvbbit_otel/attributes.py", "USAGE_COST: Final", 'EXAMPLE: Final = "rvbbit.example"\n'
            ),
            "src/rvbbit_otel/redaction/table.py": put(
                "src/rvbbit_otel/redaction/table.py", '        "rvbbit.kind",', '        "rvbbit.example",\n'
            ),
            "docs/reference/attributes.md": put(
                "docs/reference/attributes.md", "", "\n`rvbbit.example`: an example.\n"
            ),
        },
    ),
    "An audit": (
        ("tests/unit/deploy/test_runbook.py",),
        {
            "src/rvbbit_otel/storage/sql/audits/": new("src/rvbbit_otel/storage/sql/audits/example-report.sql", AUDIT),
            "docs/how-to/runbook.md": put("docs/how-to/runbook.md", "", "\n## example-report\nA report: an example.\n"),
        },
    ),
    "A shipped spec": (
        ("tests/unit/instrumentation/test_shipped_specs.py",),
        {
            "src/rvbbit_otel/instrumentation/runners/": new("src/rvbbit_otel/instrumentation/runners/example.py", SPEC),
            "`SHIPPED`": put(
                "src/rvbbit_otel/instrumentation/runners/__init__.py",
                "SHIPPED: Final = (",
                "from rvbbit_otel.instrumentation.runners import example\n\n",
            ),
            "docs/how-to/frameworks.md": put(
                "docs/how-to/frameworks.md", "| smolagents 1.20", "| example 1.0 | 1.0 | | | | |\n"
            ),
            "tests/frameworks/known.py": put(
                "tests/frameworks/known.py",
                '    Framework(\n        "pydantic-ai"',
                '    Framework("example", ("example==1.0",), {ALONE: ()}, ()),\n',
            ),
            "tests/frameworks/programs/": new("tests/frameworks/programs/example.py", ""),
        },
    ),
}
# Without these nothing is added yet, so that nothing can be missed.
_FIRST = {"src/rvbbit_otel/settings.py", "src/rvbbit_otel/attributes.py", "src/rvbbit_otel/storage/sql/audits/"}


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[Path]:
    for part in ("src", "tests", "docs", "grafana", "examples", "collector"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__", "*.png", "*.svg"))
    for file in ("pyproject.toml", "README.md", "CONTRIBUTING.md"):
        shutil.copy(ROOT / file, tmp_path)
    yield tmp_path


def passes(copy: Path, checks: tuple[str, ...]) -> bool:
    environment = {**os.environ, "PYTHONPATH": str(copy / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *checks]
    done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1, 2), done.stdout + done.stderr
    return done.returncode == 0


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_holds(name: str, copy: Path) -> None:
    checks, steps = RECIPES[name]
    (text,) = re.findall(rf"^\*\*{name}\*\*: (.*?)\n\n", PAGE, re.M | re.S)
    assert [step for step in steps if step not in text] == []
    for step in steps.values():
        step(copy)
    # Last of all, so that the module of the spec is there.
    if name == "A shipped spec":
        put("src/rvbbit_otel/instrumentation/runners/__init__.py", "    lars.SPEC,", "    example.SPEC,\n")(copy)
    assert passes(copy, checks)


@pytest.mark.parametrize(
    ("name", "left_out"),
    [
        (name, step)
        for name, (_, steps) in RECIPES.items()
        for step in steps
        if step not in _FIRST and name != "A shipped spec"
    ],
)
def test_without_a_step_a_check_fails(name: str, left_out: str, copy: Path) -> None:
    checks, steps = RECIPES[name]
    for step in steps:
        if step != left_out:
            steps[step](copy)
    assert not passes(copy, checks)
