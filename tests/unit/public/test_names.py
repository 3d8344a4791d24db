"""The public names: one list, each importable, each on the reference page, each with a docstring, typed."""

from __future__ import annotations

import doctest
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import rvbbit_otel

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "reference" / "api.md").read_text()


def test_every_listed_name_can_be_imported_and_the_list_is_sorted() -> None:
    assert [name for name in rvbbit_otel.__all__ if getattr(rvbbit_otel, name, None) is None] == []
    assert rvbbit_otel.__all__ == sorted(rvbbit_otel.__all__)
    assert set(rvbbit_otel.__all__) <= set(dir(rvbbit_otel))


def test_a_name_that_is_not_listed_is_not_there() -> None:
    with pytest.raises(AttributeError, match="module 'rvbbit_otel' has no attribute 'Nothing'"):
        _ = rvbbit_otel.Nothing


def test_the_list_and_the_reference_page_agree() -> None:
    # Of each row the names before an opening parenthesis; the page names nothing that a program can't import.
    rows = [line.split("|")[1] for line in PAGE.splitlines() if line.startswith("| `")]
    named = {re.match(r"\w+", code)[0] for row in rows for code in re.findall(r"`([^`]+)`", row)}  # type: ignore[index]
    assert named | {"__version__"} == set(rvbbit_otel.__all__)
    assert "`__version__`" in PAGE


def test_every_public_class_and_function_says_what_it_is_for() -> None:
    named = [getattr(rvbbit_otel, name) for name in rvbbit_otel.__all__]
    described = [each for each in named if inspect.isclass(each) or inspect.isfunction(each)]
    assert len(described) > 20
    assert [each.__name__ for each in described if not inspect.getdoc(each)] == []


def test_the_package_imports_nothing_before_a_name_is_asked_for() -> None:
    told = "import sys, rvbbit_otel; print(sorted(name for name in sys.modules if name.startswith(('rvbbit_otel', 'opentelemetry'))))"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert done.stdout == "['rvbbit_otel']\n"


def test_the_examples_of_the_page_run() -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        done = subprocess.run([sys.executable, "-c", block], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert (
        "caller=job-nightly session=-"
        in subprocess.run([sys.executable, "-c", blocks[0]], capture_output=True, text=True, check=True).stderr
    )


@pytest.mark.parametrize("module", ["sdk.log_fields"])
def test_the_examples_of_docstrings_run(module: str) -> None:
    found = doctest.testmod(importlib.import_module(f"rvbbit_otel.{module}"))
    assert (found.failed, found.attempted > 0) == (0, True)


def test_a_strict_type_checker_accepts_the_right_uses_and_rejects_the_wrong_ones() -> None:
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--no-incremental",
        "--follow-imports=silent",
        "tests/typing/api.py",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "Success: no issues found in 1 source file\n"), done.stdout
