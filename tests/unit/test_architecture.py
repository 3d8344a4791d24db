"""The map of the rooms says what the code says."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "architecture.md"
PLACES = re.findall(r"`((?:[a-z0-9_]+/)+[a-z0-9_]+\.(?:py|sql))(?::([A-Za-z_.]+))?`", PAGE.read_text(encoding="utf-8"))


def test_the_generated_parts_are_those_of_the_code() -> None:
    made = subprocess.run([sys.executable, ROOT / "docs" / "architecture.py", "--check"], check=False)
    assert made.returncode == 0, "run: python docs/architecture.py"


def test_the_ways_name_places() -> None:
    assert len(PLACES) >= 30


@pytest.mark.parametrize(("file", "name"), sorted(set(PLACES)))
def test_a_place_on_the_way_is_there(file: str, name: str) -> None:
    path = ROOT / "src" / "rvbbit_otel" / file
    assert path.is_file()
    if name:
        body = ast.parse(path.read_text(encoding="utf-8")).body
        for part in name.split("."):
            (found,) = [
                node
                for node in body
                if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.name == part
            ]
            body = found.body
