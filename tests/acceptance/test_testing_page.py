"""The page on names for tests: its tests run as they stand there, and its table names what there is."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from rvbbit_otel import testing
from rvbbit_otel.testing import plugin, running_store

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "testing.md").read_text()


def test_the_tests_of_the_page_pass(tmp_path: Path) -> None:
    files = [block for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if block.startswith("# test_")]
    assert len(files) == 2
    for block in files:
        (tmp_path / block.split("\n", 1)[0][2:]).write_text(block)
    environ = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "rvbbit_otel.testing.plugin"]
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    assert (done.returncode, "2 passed" in done.stdout) == (0, True), done.stdout


def test_the_table_names_all_there_is() -> None:
    named = {re.match(r"\w+", row)[0] for row in re.findall(r"^\| `([^`]+)`", PAGE, re.MULTILINE)}  # type: ignore[index]
    fixtures = {name for name in vars(plugin) if name.startswith("rvbbit_") and name != "rvbbit_otel"}
    assert named == {*testing.__all__, *fixtures}
    with pytest.raises(AttributeError):
        _ = testing.Nothing


def test_a_store_that_can_not_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("no folder")
    with pytest.raises(RuntimeError, match=r"ended with 2:\n.*data"), running_store(tmp_path):
        pass
